package etcdtest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd"
)

// TestStore_LosesNothingWithItsMembers kills the leader again and again, while
// many write and one watches.
func TestStore_LosesNothingWithItsMembers(t *testing.T) {
	t.Parallel()
	p := startProcesses(t)
	o := optionsOf(p.Cluster)
	s := open(t, o)
	fed := feedAll(t, s)
	stop := make(chan struct{})
	killed := 0
	var killing sync.WaitGroup
	killing.Go(func() {
		for i := 0; ; i = (i + 1) % len(p.running) {
			if leader := p.leader(t.Context()); leader >= 0 {
				i = leader
			}
			p.kill(i)
			killed++
			if err := p.start(); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond): // some writes without trouble
			}
		}
	})
	var revisions []uint64
	for begun := time.Now(); time.Since(begun) < 8*time.Second && !t.Failed(); {
		revisions = append(revisions, writeConcurrently(t, s, 6, 3)...)
	}
	close(stop)
	killing.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d writes, %d members killed", len(revisions), killed)
	slices.Sort(revisions)
	if got := fed(revisions[len(revisions)-1]); !slices.Equal(got, revisions) {
		t.Errorf("fed were %d revisions, acknowledged %d:\n%d\n%d", len(got), len(revisions), got, revisions)
	}
	wantOnce(t, p.Cluster, o, revisions)
	wantSound(t, p.Cluster, o)
}

// feedAll watches as a gateway does, which goes on after every error, and
// returns the revisions that came up to the last one.
func feedAll(t *testing.T, s store.Store) (until func(last uint64) []uint64) {
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	t.Cleanup(watching.Wait)
	t.Cleanup(stop)
	revisions := make(chan uint64, 10_000)
	watching.Go(func() {
		after := uint64(0)
		for ctx.Err() == nil {
			err := watchOn(ctx, s, &after, revisions)
			if errors.Is(err, store.ErrCompacted) || errors.Is(err, store.ErrReset) {
				t.Errorf("Watch: %v", err)
				return
			}
			t.Logf("the watch goes on after revision %d: %v", after, err)
			time.Sleep(10 * time.Millisecond)
		}
	})
	return func(last uint64) (all []uint64) {
		for {
			select {
			case r := <-revisions:
				if all = append(all, r); r >= last {
					return all
				}
			case <-within(t, 30*time.Second).Done():
				t.Errorf("the feed ends before revision %d", last)
				return all
			}
		}
	}
}

func TestStore_LeavesNothingRunning(t *testing.T) {
	p := startProcesses(t)
	before := goleak.IgnoreCurrent()
	s, err := etcd.Open(t.Context(), optionsOf(p.Cluster))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	seen, ended := make(chan struct{}, 10), make(chan error)
	go func() { ended <- s.Watch(ctx, 0, func([]origins.Change) { seen <- struct{}{} }) }()
	create(t, s, entry("acme", "one"))
	<-seen
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: %v", err)
	}
	go func() { ended <- s.Watch(t.Context(), 0, func([]origins.Change) { seen <- struct{}{} }) }()
	<-seen
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-ended; err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("the watch of a closed store ended with %v", err)
	}
	goleak.VerifyNone(t, before)
}

// TestStore_GoesOnWithoutAStoppedMember stops each member, whose connections
// stay open and silent. Calls have as much time as a gateway gives them.
func TestStore_GoesOnWithoutAStoppedMember(t *testing.T) {
	t.Parallel()
	p := startProcesses(t)
	s := open(t, optionsOf(p.Cluster))
	w := create(t, s, entry("acme", "one"))
	fed := feedAll(t, s)
	last := w.Revision
	for i := range p.running {
		resume := p.pause(t, i)
		failed, slowest := 0, time.Duration(0)
		for n := range 4 {
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			_, readErr := s.Integration(ctx, "acme", w.ID)
			got, err := s.Edit(ctx, "acme", w.ID, func(w *store.WebIntegration) error { w.Name = time.Now().String(); return nil })
			cancel()
			if slowest = max(slowest, time.Since(begun)); err == nil && readErr == nil {
				last = got.Revision
			} else if failed++; n > 2 {
				t.Errorf("call %d without member %d: %v, %v", n, i, readErr, err)
			}
		}
		t.Logf("without member %d %d of 4 failed, the slowest took %v", i, failed, slowest)
		if failed > 1 { // an election takes its time
			t.Errorf("without member %d %d of 4 failed", i, failed)
		}
		resume()
	}
	is := create(t, s, entry("acme", "two"))
	if all := fed(is.Revision); all[len(all)-2] < last {
		t.Errorf("the feed has %d, not %d", all, last)
	}
}

func TestStore_FailsInTimeWithoutAQuorum(t *testing.T) {
	t.Parallel()
	p := startProcesses(t)
	s := open(t, optionsOf(p.Cluster))
	w := create(t, s, entry("acme", "one"))
	watching := watch(t, s, 0)
	watching.next(t)
	p.kill(0)
	p.kill(1)
	for name, call := range map[string]func(context.Context) error{
		"Position": func(ctx context.Context) error { _, err := s.Position(ctx); return err },
		"Load":     func(ctx context.Context) error { _, _, err := s.Load(ctx, "acme"); return err },
		"Create":   func(ctx context.Context) error { _, err := s.Create(ctx, entry("acme", "two")); return err },
	} {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := call(ctx)
		cancel()
		if took := time.Since(start); err == nil || errors.Is(err, store.ErrReset) || took > 2*time.Second {
			t.Errorf("%s ended after %v with %v", name, took, err)
		}
	}
	if err := watching.end(t); err == nil {
		t.Error("the watch ended without an error")
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	watching = watch(t, s, w.Revision)
	is := create(t, s, entry("acme", "three"))
	for got := watching.next(t); got.Revision < is.Revision; { // the second one may have been created late
		got = watching.next(t)
	}
}
