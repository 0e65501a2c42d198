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

// TestStore_LosesNoWriteWhenLeadersAreKilled kills the leader repeatedly during
// concurrent writes and a watch.
func TestStore_LosesNoWriteWhenLeadersAreKilled(t *testing.T) {
	t.Parallel()
	p := startProcessCluster(t)
	o := newOptions(p.Cluster)
	s := openStore(t, o)
	revisionsUntil := collectRevisions(t, s)
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
			case <-time.After(200 * time.Millisecond): // time for writes without a fault
			}
		}
	})
	var revisions []uint64
	for start := time.Now(); time.Since(start) < 8*time.Second && !t.Failed(); {
		revisions = append(revisions, writeConcurrently(t, s, 6, 3)...)
	}
	close(stop)
	killing.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d writes, %d members killed", len(revisions), killed)
	slices.Sort(revisions)
	if got := revisionsUntil(revisions[len(revisions)-1]); !slices.Equal(got, revisions) {
		t.Errorf("the feed has %d revisions, %d were acknowledged:\n%d\n%d", len(got), len(revisions), got, revisions)
	}
	wantRevisionsOnce(t, p.Cluster, o, revisions)
	wantConsistent(t, p.Cluster, o)
}

// collectRevisions watches as a gateway does, which watches again after an error. until
// waits for the revision last, and returns all revisions received by then.
func collectRevisions(t *testing.T, s store.Store) (until func(last uint64) []uint64) {
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	t.Cleanup(watching.Wait)
	t.Cleanup(stop)
	revisions := make(chan uint64, 10_000)
	watching.Go(func() {
		after := uint64(0)
		for ctx.Err() == nil {
			err := watchFrom(ctx, s, &after, revisions)
			if errors.Is(err, store.ErrFeedGap) || errors.Is(err, store.ErrReset) {
				t.Errorf("Watch: %v", err)
				return
			}
			t.Logf("watching again after revision %d: %v", after, err)
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
			case <-withTimeout(t, 30*time.Second).Done():
				t.Errorf("the feed did not reach revision %d", last)
				return all
			}
		}
	}
}

func TestStore_LeaksNoGoroutines(t *testing.T) {
	p := startProcessCluster(t)
	before := goleak.IgnoreCurrent()
	s, err := etcd.Open(t.Context(), newOptions(p.Cluster))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	seen, ended := make(chan struct{}, 10), make(chan error)
	go func() { ended <- s.Watch(ctx, 0, func([]origins.Change) { seen <- struct{}{} }) }()
	create(t, s, newIntegration("acme", "one"))
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
		t.Errorf("Watch of a closed store ended with %v", err)
	}
	goleak.VerifyNone(t, before)
}

// TestStore_WorksWhileAMemberIsPaused pauses each member in turn. Its connections stay
// open, but it does not respond. Calls get a timeout as in a gateway.
func TestStore_WorksWhileAMemberIsPaused(t *testing.T) {
	t.Parallel()
	p := startProcessCluster(t)
	s := openStore(t, newOptions(p.Cluster))
	w := create(t, s, newIntegration("acme", "one"))
	revisionsUntil := collectRevisions(t, s)
	last := w.Revision
	for i := range p.running {
		resume := p.pause(t, i)
		failed, slowest := 0, time.Duration(0)
		for n := range 4 {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			_, readErr := s.Integration(ctx, "acme", w.ID)
			got, err := s.Edit(ctx, "acme", w.ID, func(w *store.WebIntegration) error { w.Name = time.Now().String(); return nil })
			cancel()
			if slowest = max(slowest, time.Since(start)); err == nil && readErr == nil {
				last = got.Revision
			} else if failed++; n > 2 {
				t.Errorf("call %d while member %d is paused: %v, %v", n, i, readErr, err)
			}
		}
		t.Logf("while member %d was paused, %d of 4 calls failed; the slowest took %v", i, failed, slowest)
		if failed > 1 { // one call may fail during an election
			t.Errorf("while member %d was paused, %d of 4 calls failed, want at most 1", i, failed)
		}
		resume()
	}
	latest := create(t, s, newIntegration("acme", "two"))
	if all := revisionsUntil(latest.Revision); all[len(all)-2] < last {
		t.Errorf("the feed has the revisions %d, but not %d", all, last)
	}
}

func TestStore_FailsInTimeWithoutQuorum(t *testing.T) {
	t.Parallel()
	p := startProcessCluster(t)
	s := openStore(t, newOptions(p.Cluster))
	w := create(t, s, newIntegration("acme", "one"))
	watching := watch(t, s, 0)
	watching.next(t)
	p.kill(0)
	p.kill(1)
	for name, call := range map[string]func(context.Context) error{
		"Position": func(ctx context.Context) error { _, err := s.Position(ctx); return err },
		"Load":     func(ctx context.Context) error { _, _, err := s.Load(ctx, "acme"); return err },
		"Create":   func(ctx context.Context) error { _, err := s.Create(ctx, newIntegration("acme", "two")); return err },
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
		t.Error("Watch ended without an error")
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	watching = watch(t, s, w.Revision)
	latest := create(t, s, newIntegration("acme", "three"))
	for got := watching.next(t); got.Revision < latest.Revision; { // the Create that failed may have been made later
		got = watching.next(t)
	}
}
