package etcdtest_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd/etcdtest"
)

// TestStore_RefusesAnOlderBackup takes the cluster back to what it was.
func TestStore_RefusesAnOlderBackup(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o := optionsOf(c)
	s, other := open(t, o), open(t, o)
	kept := create(t, s, entry("acme", "kept", "https://a.example"))
	then, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, backup := c.Members[0].Dir, t.TempDir()
	c.Stop()
	restart(t, c, os.CopyFS(backup, os.DirFS(dir)))
	lost := create(t, s, entry("acme", "lost", "https://b.example"))
	known, err := s.Position(within(t, 10*time.Second))
	if at, otherErr := other.Position(within(t, 10*time.Second)); at != known || err != nil || otherErr != nil {
		t.Fatalf("they know %+v and %+v, %v, %v", known, at, err, otherErr)
	}
	c.Stop()
	restart(t, c, errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup))))

	wantReset(t, s, lost, known, then)
	at, err := s.Accept(within(t, 10*time.Second))
	if err != nil || at.Revision != then.Revision {
		t.Fatalf("it is accepted at %+v, %v; want revision %d", at, err, then.Revision)
	}
	if _, all, err := s.Load(t.Context(), "acme"); err != nil || len(all) != 1 || all[0].ID != kept.ID {
		t.Errorf("it has %v, %v", all, err)
	}
	for range 5 { // until the other one knows it less far on
		at.Revision = create(t, s, entry("acme", "new")).Revision
	}
	wantReset(t, other, kept, known, at)
	if again, err := other.Accept(t.Context()); err != nil || again != at {
		t.Errorf("the other one accepts it at %+v, %v; want %+v", again, err, at)
	}
	if again, err := s.Position(t.Context()); err != nil || again != at {
		t.Errorf("the first one finds it at %+v, %v; want %+v", again, err, at)
	}
}

// TestStore_StaysResetWhenAnOlderBackupHasComeAsFarAgain has one who never knew
// it write to what was restored, as an import does.
func TestStore_StaysResetWhenAnOlderBackupHasComeAsFarAgain(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o := optionsOf(c)
	s := open(t, o)
	kept := create(t, s, entry("acme", "kept"))
	dir, backup := c.Members[0].Dir, t.TempDir()
	c.Stop()
	restart(t, c, os.CopyFS(backup, os.DirFS(dir)))
	create(t, s, entry("acme", "lost"))
	known, err := s.Position(within(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	c.Stop()
	restart(t, c, errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup))))
	if _, err := s.Position(within(t, 10*time.Second)); !errors.Is(err, store.ErrReset) {
		t.Fatalf("an older one is met with %v", err)
	}

	newcomer := open(t, o)
	is := store.Position{Store: known.Store}
	for is.Revision <= known.Revision {
		is.Revision = create(t, newcomer, entry("acme", "imported")).Revision
	}
	wantReset(t, s, kept, known, is)
	at, err := s.Accept(t.Context())
	if err != nil || at.Store == known.Store || at.Revision != is.Revision {
		t.Fatalf("it is accepted at %+v, %v", at, err)
	}
	wantReset(t, newcomer, kept, is, at) // as is everybody who may have known it before
}

// TestStore_RecognisesABackupThatHasComeFurther is of one who was away for all
// of it: while the store was restored, and until it was written to again.
func TestStore_RecognisesABackupThatHasComeFurther(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o := optionsOf(c)
	s := open(t, o)
	create(t, s, entry("acme", "kept"))
	dir, backup := c.Members[0].Dir, t.TempDir()
	c.Stop()
	restart(t, c, os.CopyFS(backup, os.DirFS(dir)))
	lost := create(t, s, entry("acme", "lost"))
	w := watch(t, s, lost.Revision-1)
	w.next(t)
	w.stop()
	w.end(t)
	c.Stop()
	restart(t, c, errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup))))
	newcomer := open(t, o)
	var last uint64
	for last <= lost.Revision {
		last = create(t, newcomer, entry("acme", "imported")).Revision
	}
	if err := s.Watch(within(t, 10*time.Second), lost.Revision, func([]origins.Change) {}); !errors.Is(err, store.ErrReset) {
		t.Errorf("Watch: %v", err)
	}
	if _, err := s.Position(within(t, 10*time.Second)); !errors.Is(err, store.ErrReset) {
		t.Errorf("Position: %v", err)
	}
	if _, err := s.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := watch(t, s, last)
	written := create(t, s, entry("acme", "afterwards"))
	if got := again.next(t); got.Revision != written.Revision {
		t.Errorf("after it was accepted: %+v", got)
	}
}

func restart(t *testing.T, c *etcdtest.Cluster, err error) {
	t.Helper()
	if err := errors.Join(err, c.Start()); err != nil {
		t.Fatal(err)
	}
}

// TestStore_SaysThatHistoryIsForgotten compacts it under a watch that is behind
// and one that is not.
func TestStore_SaysThatHistoryIsForgotten(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	s := open(t, optionsOf(c))
	one := create(t, s, entry("acme", "one"))
	current := watch(t, s, one.Revision)
	two := create(t, s, entry("acme", "two"))
	last := create(t, s, entry("other", "three"))
	current.next(t)
	current.next(t)
	if _, err := raw(t, c).Compact(t.Context(), int64(last.Revision)); err != nil {
		t.Fatal(err)
	}
	if err := watch(t, s, one.Revision).end(t); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("a watch that is behind ended with %v", err)
	}
	at, tenants, err := s.Tenants(t.Context())
	if err != nil || tenants["acme"] != two.Revision || tenants["other"] != last.Revision || at.Revision != last.Revision {
		t.Errorf("the tenants are %v at %+v, %v", tenants, at, err)
	}
	if _, all, err := s.Load(t.Context(), "acme"); err != nil || len(all) != 2 {
		t.Errorf("it loads %v, %v", all, err)
	}
	resumed := watch(t, s, at.Revision)
	is := create(t, s, entry("acme", "four"))
	for _, w := range []*watched{current, resumed} {
		if got := w.next(t); got.Revision != is.Revision {
			t.Errorf("the next change is %+v, want %d", got, is.Revision)
		}
	}
}
