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

// TestStore_RefusesOlderBackup restores the cluster from a backup.
func TestStore_RefusesOlderBackup(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o := newOptions(c)
	s, other := openStore(t, o), openStore(t, o)
	kept := create(t, s, newIntegration("acme", "kept", "https://a.example"))
	then, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, backup := c.Members[0].Dir, t.TempDir()
	c.Stop()
	restart(t, c, os.CopyFS(backup, os.DirFS(dir)))
	lost := create(t, s, newIntegration("acme", "lost", "https://b.example"))
	known, err := s.Position(withTimeout(t, 10*time.Second))
	if at, otherErr := other.Position(withTimeout(t, 10*time.Second)); at != known || err != nil || otherErr != nil {
		t.Fatalf("the stores are at %+v and %+v, %v, %v; want the same position", known, at, err, otherErr)
	}
	c.Stop()
	restart(t, c, errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup))))

	wantReset(t, s, lost, known, then)
	at, err := s.Accept(withTimeout(t, 10*time.Second))
	if err != nil || at.Revision != then.Revision {
		t.Fatalf("Accept = %+v, %v; want revision %d", at, err, then.Revision)
	}
	if _, all, err := s.Load(t.Context(), "acme"); err != nil || len(all) != 1 || all[0].ID != kept.ID {
		t.Errorf("Load = %v, %v; want the web integration of the backup", all, err)
	}
	for range 5 { // beyond the revision that the other store knows
		at.Revision = create(t, s, newIntegration("acme", "new")).Revision
	}
	wantReset(t, other, kept, known, at)
	if again, err := other.Accept(t.Context()); err != nil || again != at {
		t.Errorf("Accept of the other store = %+v, %v; want %+v", again, err, at)
	}
	if again, err := s.Position(t.Context()); err != nil || again != at {
		t.Errorf("Position of the first store = %+v, %v; want %+v", again, err, at)
	}
}

// TestStore_StaysResetWhenBackupReachesKnownRevision writes to the restored store with
// a new one, as an import does.
func TestStore_StaysResetWhenBackupReachesKnownRevision(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o := newOptions(c)
	s := openStore(t, o)
	kept := create(t, s, newIntegration("acme", "kept"))
	dir, backup := c.Members[0].Dir, t.TempDir()
	c.Stop()
	restart(t, c, os.CopyFS(backup, os.DirFS(dir)))
	create(t, s, newIntegration("acme", "lost"))
	known, err := s.Position(withTimeout(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	c.Stop()
	restart(t, c, errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup))))
	if _, err := s.Position(withTimeout(t, 10*time.Second)); !errors.Is(err, store.ErrReset) {
		t.Fatalf("Position of the restored store: error %v, want ErrReset", err)
	}

	newcomer := openStore(t, o)
	latest := store.Position{Store: known.Store}
	for latest.Revision <= known.Revision {
		latest.Revision = create(t, newcomer, newIntegration("acme", "imported")).Revision
	}
	wantReset(t, s, kept, known, latest)
	at, err := s.Accept(t.Context())
	if err != nil || at.Store == known.Store || at.Revision != latest.Revision {
		t.Fatalf("Accept = %+v, %v; want a new identity at revision %d", at, err, latest.Revision)
	}
	wantReset(t, newcomer, kept, latest, at) // it may have known the store before
}

// TestStore_DetectsBackupBeyondKnownRevision makes no call while the store is restored
// and until it has passed the known revision.
func TestStore_DetectsBackupBeyondKnownRevision(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o := newOptions(c)
	s := openStore(t, o)
	create(t, s, newIntegration("acme", "kept"))
	dir, backup := c.Members[0].Dir, t.TempDir()
	c.Stop()
	restart(t, c, os.CopyFS(backup, os.DirFS(dir)))
	lost := create(t, s, newIntegration("acme", "lost"))
	w := watch(t, s, lost.Revision-1)
	w.next(t)
	w.stop()
	w.end(t)
	c.Stop()
	restart(t, c, errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup))))
	newcomer := openStore(t, o)
	var last uint64
	for last <= lost.Revision {
		last = create(t, newcomer, newIntegration("acme", "imported")).Revision
	}
	if err := s.Watch(withTimeout(t, 10*time.Second), lost.Revision, func([]origins.Change) {}); !errors.Is(err, store.ErrReset) {
		t.Errorf("Watch: error %v, want ErrReset", err)
	}
	if _, err := s.Position(withTimeout(t, 10*time.Second)); !errors.Is(err, store.ErrReset) {
		t.Errorf("Position: error %v, want ErrReset", err)
	}
	if _, err := s.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := watch(t, s, last)
	written := create(t, s, newIntegration("acme", "afterwards"))
	if got := again.next(t); got.Revision != written.Revision {
		t.Errorf("the change after Accept is %+v, want revision %d", got, written.Revision)
	}
}

// restart starts the cluster if err is nil.
func restart(t *testing.T, c *etcdtest.Cluster, err error) {
	t.Helper()
	if err := errors.Join(err, c.Start()); err != nil {
		t.Fatal(err)
	}
}

// TestStore_ReportsCompactedHistory compacts the history. A watch that is behind must
// end, one that is not must go on.
func TestStore_ReportsCompactedHistory(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	s := openStore(t, newOptions(c))
	one := create(t, s, newIntegration("acme", "one"))
	current := watch(t, s, one.Revision)
	two := create(t, s, newIntegration("acme", "two"))
	last := create(t, s, newIntegration("other", "three"))
	current.next(t)
	current.next(t)
	if _, err := newClient(t, c).Compact(t.Context(), int64(last.Revision)); err != nil {
		t.Fatal(err)
	}
	if err := watch(t, s, one.Revision).end(t); !errors.Is(err, store.ErrFeedGap) {
		t.Errorf("Watch from a compacted revision ended with %v, want ErrFeedGap", err)
	}
	at, tenants, err := s.Tenants(t.Context())
	if err != nil || tenants["acme"] != two.Revision || tenants["other"] != last.Revision || at.Revision != last.Revision {
		t.Errorf("Tenants = %v at %+v, %v", tenants, at, err)
	}
	if _, all, err := s.Load(t.Context(), "acme"); err != nil || len(all) != 2 {
		t.Errorf("Load = %v, %v; want 2 web integrations", all, err)
	}
	resumed := watch(t, s, at.Revision)
	latest := create(t, s, newIntegration("acme", "four"))
	for _, w := range []*watcher{current, resumed} {
		if got := w.next(t); got.Revision != latest.Revision {
			t.Errorf("the next change is %+v, want revision %d", got, latest.Revision)
		}
	}
}
