package etcdtest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// openThroughRelay opens a store that reaches the cluster only through a relay.
func openThroughRelay(t testing.TB, c *etcdtest.Cluster) (*etcd.Store, etcd.Options, *relay) {
	t.Helper()
	r := newRelay(t, c.Endpoints()[0])
	o := newOptions(c)
	o.Endpoints = []string{r.Addr().String()}
	s := openStore(t, o)
	if _, err := s.Position(withTimeout(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	return s, o, r
}

// history returns the events of all web integrations of a store up to revision last.
func history(t testing.TB, c *etcdtest.Cluster, o etcd.Options, last uint64) (all []*clientv3.Event) {
	t.Helper()
	news := newClient(t, c).Watch(withTimeout(t, 30*time.Second), key(o, "i/"), clientv3.WithPrefix(), clientv3.WithRev(1))
	for response := range news {
		if err := response.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, response.Events...)
		if n := len(all); n > 0 && uint64(all[n-1].Kv.ModRevision) >= last {
			return all
		}
	}
	t.Fatalf("the history did not reach revision %d", last)
	return nil
}

// wantRevisionsOnce checks that the history of the store has exactly these revisions,
// each once.
func wantRevisionsOnce(t *testing.T, c *etcdtest.Cluster, o etcd.Options, revisions []uint64) {
	t.Helper()
	slices.Sort(revisions)
	got := sortedRevisions(history(t, c, o, revisions[len(revisions)-1]))
	if !slices.Equal(got, revisions) {
		t.Errorf("the history has %d revisions, %d were acknowledged:\n%d\n%d", len(got), len(revisions), got, revisions)
	}
}

// testEachWrite makes writes of every kind through the relay. It calls disturb just
// before the transaction of each write is sent; for a creation, before the call.
func testEachWrite(t *testing.T, c *etcdtest.Cluster, disturb func(*relay, etcd.Options) (restore func())) {
	s, o, r := openThroughRelay(t, c)
	var revisions []uint64
	for round := range 8 {
		restore := disturb(r, o)
		w := create(t, s, newIntegration("acme", fmt.Sprint(round)))
		restore()
		for i := range 2 {
			got, err := s.Edit(withTimeout(t, time.Minute), "acme", w.ID, func(w *store.WebIntegration) error {
				restore = disturb(r, o)
				return addOrigin(fmt.Sprintf("https://%d.example", i))(w)
			})
			restore()
			if err != nil || len(got.ValidOrigins) != i+1 {
				t.Fatalf("Edit = %v, %v; want %d origins", got.ValidOrigins, err, i+1)
			}
			revisions = append(revisions, got.Revision)
		}
		revisions = append(revisions, w.Revision)
		revision, err := s.Delete(withTimeout(t, time.Minute), "acme", w.ID, func(store.WebIntegration) error {
			restore = disturb(r, o)
			return nil
		})
		restore()
		if err != nil {
			t.Fatalf("Delete: %v", err)
		}
		revisions = append(revisions, revision)
	}
	wantRevisionsOnce(t, c, o, revisions)
	wantConsistent(t, c, o)
}

// writesOnceWhenResponseIsLost closes the connections after a write was made, before its
// response arrives.
func writesOnceWhenResponseIsLost(t *testing.T, c *etcdtest.Cluster) {
	client := newClient(t, c)
	lost := 0
	testEachWrite(t, c, func(r *relay, o etcd.Options) func() {
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		news := client.Watch(ctx, key(o, "head"), clientv3.WithCreatedNotify())
		<-news
		r.delay.Store(int64(400 * time.Millisecond))
		watching.Go(func() {
			if response, ok := <-news; ok && len(response.Events) > 0 {
				r.disconnect()
				r.delay.Store(0)
				lost++
			}
		})
		return func() { stop(); watching.Wait(); r.delay.Store(0) }
	})
	if lost != 8*4 {
		t.Errorf("the connections were closed %d times, want %d", lost, 8*4)
	}
}

// writesOnceWhenRequestIsLost drops the request, and then closes the connections.
func writesOnceWhenRequestIsLost(t *testing.T, c *etcdtest.Cluster) {
	testEachWrite(t, c, func(r *relay, _ etcd.Options) func() {
		r.drop.Store(true)
		timer := time.AfterFunc(20*time.Millisecond, func() {
			r.drop.Store(false)
			r.disconnect()
		})
		return func() { timer.Stop(); r.drop.Store(false) }
	})
}

// writesOnceOverUnreliableNetwork closes the connections at random times during
// concurrent writes.
func writesOnceOverUnreliableNetwork(t *testing.T, c *etcdtest.Cluster) {
	s, o, r := openThroughRelay(t, c)
	stop := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(rand.N(40 * time.Millisecond)):
				r.delay.Store(rand.Int64N(int64(3 * time.Millisecond)))
				r.disconnect()
			}
		}
	})
	// Another store writes to the same tenants, so that writes of unknown outcome have
	// to be found in the history.
	o.Endpoints = c.Endpoints()
	var otherRevisions []uint64
	var other sync.WaitGroup
	other.Go(func() { otherRevisions = writeConcurrently(t, openStore(t, o), 3, 20) })
	revisions := writeConcurrently(t, s, 6, 8)
	close(stop)
	cutting.Wait()
	other.Wait()
	wantRevisionsOnce(t, c, o, append(revisions, otherRevisions...))
	wantConsistent(t, c, o)
}

// writeConcurrently creates, edits and deletes web integrations of a few tenants
// concurrently, and returns the revisions.
func writeConcurrently(t *testing.T, s store.Store, writers, rounds int) (revisions []uint64) {
	ctx := withTimeout(t, 2*time.Minute)
	var mu sync.Mutex
	var all sync.WaitGroup
	wrote := func(revision uint64, err error) bool {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Errorf("write: %v", err)
		} else {
			revisions = append(revisions, revision)
		}
		return err == nil
	}
	for i := range writers {
		tenant := fmt.Sprint("tenant ", i%3)
		all.Go(func() {
			for n := range rounds {
				w, err := s.Create(ctx, newIntegration(tenant, fmt.Sprint(n)))
				if !wrote(w.Revision, err) {
					return
				}
				edited, err := s.Edit(ctx, tenant, w.ID, addOrigin("https://a.example"))
				if !wrote(edited.Revision, err) {
					return
				}
				if len(edited.ValidOrigins) != 1 {
					t.Errorf("an edit was made twice: %v", edited.ValidOrigins)
				}
				if n%3 > 0 {
					continue
				}
				if !wrote(s.Delete(ctx, tenant, w.ID, allowed)) {
					return
				}
			}
		})
	}
	all.Wait()
	return revisions
}

// losesNoConcurrentEdit edits one web integration concurrently through several stores.
func losesNoConcurrentEdit(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	stores := []store.Store{openStore(t, o), openStore(t, o), openStore(t, o)}
	w := create(t, stores[0], newIntegration("acme", "one"))
	revisions := []uint64{w.Revision}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			got, err := stores[i%len(stores)].Edit(withTimeout(t, time.Minute), "acme", w.ID, addOrigin(fmt.Sprintf("https://%03d.example", i)))
			if err != nil {
				t.Errorf("Edit: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			revisions = append(revisions, got.Revision)
		})
	}
	all.Wait()
	got, err := stores[1].Integration(t.Context(), "acme", w.ID)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got.ValidOrigins)
	if len(got.ValidOrigins) != 100 || len(slices.Compact(got.ValidOrigins)) != 100 {
		t.Errorf("%d edits were kept, want 100: %v", len(got.ValidOrigins), got.ValidOrigins)
	}
	wantRevisionsOnce(t, c, o, revisions)
	wantConsistent(t, c, o)
}

// appliesLimitsToConcurrentCreates creates web integrations of one tenant concurrently
// through several stores.
func appliesLimitsToConcurrentCreates(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	o.Limits = store.Limits{Integrations: 7, Origins: 1000}
	stores := []store.Store{openStore(t, o), openStore(t, o), openStore(t, o)}
	var created atomic.Int32
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			var limit *store.LimitError
			_, err := stores[i%3].Create(withTimeout(t, time.Minute), newIntegration("acme", fmt.Sprint(i), "https://a.example"))
			if err == nil {
				created.Add(1)
			} else if !errors.As(err, &limit) {
				t.Errorf("Create: %v", err)
			}
		})
	}
	all.Wait()
	if n := created.Load(); n != 7 {
		t.Errorf("%d were created, want 7", n)
	}
	wantConsistent(t, c, o)
}

// refusesConcurrentDuplicateID creates web integrations with the same id concurrently, in
// several tenants and through several stores.
func refusesConcurrentDuplicateID(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	stores := []store.Store{openStore(t, o), openStore(t, o)}
	for range 10 {
		w := newIntegration("", "one")
		errs := make([]error, 8)
		var all sync.WaitGroup
		for i := range errs {
			w.TenantID = fmt.Sprint("tenant ", i/2)
			mine := w
			all.Go(func() { _, errs[i] = stores[i%2].Create(withTimeout(t, time.Minute), mine) })
		}
		all.Wait()
		errs = slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, store.ErrExists) })
		if len(errs) != 1 || errs[0] != nil {
			t.Errorf("besides ErrExists the errors are %v, want one nil", errs)
		}
	}
	wantConsistent(t, c, o)
}

// endsUnansweredCalls uses a member that accepts requests and never responds.
func endsUnansweredCalls(t *testing.T, c *etcdtest.Cluster) {
	s, _, r := openThroughRelay(t, c)
	w := create(t, s, newIntegration("acme", "one"))
	r.drop.Store(true)
	const timeout = 300 * time.Millisecond
	for name, call := range map[string]func(context.Context) error{
		"Position": func(ctx context.Context) error { _, err := s.Position(ctx); return err },
		"Load":     func(ctx context.Context) error { _, _, err := s.Load(ctx, "acme"); return err },
		"Create":   func(ctx context.Context) error { _, err := s.Create(ctx, newIntegration("acme", "two")); return err },
		"Edit": func(ctx context.Context) error {
			_, err := s.Edit(ctx, "acme", w.ID, addOrigin("https://a.example"))
			return err
		},
		"Watch":  func(ctx context.Context) error { return s.Watch(ctx, w.Revision, nil) },
		"Accept": func(ctx context.Context) error { _, err := s.Accept(ctx); return err },
	} {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		err := call(ctx)
		cancel()
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > timeout+time.Second {
			t.Errorf("%s ended after %v with %v", name, took, err)
		}
	}
	r.drop.Store(false)
	r.disconnect()
	if _, err := s.Integration(withTimeout(t, 10*time.Second), "acme", w.ID); err != nil {
		t.Errorf("Integration afterwards: %v", err)
	}
}

func reportsConnectionError(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	o.Endpoints = []string{"127.0.0.1:1"} // nothing listens there
	s := openStore(t, o)
	_, err := s.Position(withTimeout(t, 300*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Position: error %v, want DeadlineExceeded and the reason", err)
	}
	ctx := withTimeout(t, 300*time.Millisecond)
	if err := s.Watch(ctx, 0, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Watch: %v", err)
	}
	// One unreachable endpoint of several does no harm.
	o.Endpoints = append(o.Endpoints, c.Endpoints()[1])
	s = openStore(t, o)
	for range 20 {
		create(t, s, newIntegration("acme", "one"))
	}
}
