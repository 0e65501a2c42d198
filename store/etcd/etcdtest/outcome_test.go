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

// relayed opens a store that reaches the cluster through a relay alone.
func relayed(t testing.TB, c *etcdtest.Cluster) (*etcd.Store, etcd.Options, *relay) {
	t.Helper()
	r := newRelay(t, c.Endpoints()[0])
	o := optionsOf(c)
	o.Endpoints = []string{r.Addr().String()}
	s := open(t, o)
	if _, err := s.Position(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	return s, o, r
}

// history returns the events of all web integrations of a store, in order.
func history(t testing.TB, c *etcdtest.Cluster, o etcd.Options, last uint64) (all []*clientv3.Event) {
	t.Helper()
	news := raw(t, c).Watch(within(t, 30*time.Second), key(o, "i/"), clientv3.WithPrefix(), clientv3.WithRev(1))
	for is := range news {
		if err := is.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, is.Events...)
		if n := len(all); n > 0 && uint64(all[n-1].Kv.ModRevision) >= last {
			return all
		}
	}
	t.Fatalf("the history ends before revision %d", last)
	return nil
}

// wantOnce wants the history of a store to have these revisions, each once.
func wantOnce(t *testing.T, c *etcdtest.Cluster, o etcd.Options, revisions []uint64) {
	t.Helper()
	slices.Sort(revisions)
	got := sortedRevisions(history(t, c, o, revisions[len(revisions)-1]))
	if !slices.Equal(got, revisions) {
		t.Errorf("written were %d revisions, acknowledged %d:\n%d\n%d", len(got), len(revisions), got, revisions)
	}
}

// eachKind writes every kind of write through the relay, and calls spoil when
// the transaction of each is about to be sent, or before, for a creation.
func eachKind(t *testing.T, c *etcdtest.Cluster, spoil func(*relay, etcd.Options) (mend func())) {
	s, o, r := relayed(t, c)
	var revisions []uint64
	for round := range 8 {
		mend := spoil(r, o)
		w := create(t, s, entry("acme", fmt.Sprint(round)))
		mend()
		for i := range 2 {
			got, err := s.Edit(within(t, time.Minute), "acme", w.ID, func(w *store.WebIntegration) error {
				mend = spoil(r, o)
				return appending(fmt.Sprintf("https://%d.example", i))(w)
			})
			mend()
			if err != nil || len(got.ValidOrigins) != i+1 {
				t.Fatalf("Edit returns %v, %v", got.ValidOrigins, err)
			}
			revisions = append(revisions, got.Revision)
		}
		revisions = append(revisions, w.Revision)
		revision, err := s.Delete(within(t, time.Minute), "acme", w.ID, func(store.WebIntegration) error {
			mend = spoil(r, o)
			return nil
		})
		mend()
		if err != nil {
			t.Fatalf("Delete: %v", err)
		}
		revisions = append(revisions, revision)
	}
	wantOnce(t, c, o, revisions)
	wantSound(t, c, o)
}

// writesOnceWithoutAnswers cuts the connection when a write has happened, and
// before its response has come.
func writesOnceWithoutAnswers(t *testing.T, c *etcdtest.Cluster) {
	client := raw(t, c)
	lost := 0
	eachKind(t, c, func(r *relay, o etcd.Options) func() {
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		news := client.Watch(ctx, key(o, "head"), clientv3.WithCreatedNotify())
		<-news
		r.slow.Store(int64(100 * time.Millisecond))
		watching.Go(func() {
			if is, ok := <-news; ok && len(is.Events) > 0 {
				r.cut()
				r.slow.Store(0)
				lost++
			}
		})
		return func() { stop(); watching.Wait(); r.slow.Store(0) }
	})
	if lost != 8*4 {
		t.Errorf("the connection was cut %d times", lost)
	}
}

// writesOnceWithoutRequests loses what is sent, and then cuts the connection.
func writesOnceWithoutRequests(t *testing.T, c *etcdtest.Cluster) {
	eachKind(t, c, func(r *relay, _ etcd.Options) func() {
		r.mute.Store(true)
		timer := time.AfterFunc(20*time.Millisecond, func() {
			r.mute.Store(false)
			r.cut()
		})
		return func() { timer.Stop(); r.mute.Store(false) }
	})
}

// writesOnceInABadNetwork cuts connections at any time while many write.
func writesOnceInABadNetwork(t *testing.T, c *etcdtest.Cluster) {
	s, o, r := relayed(t, c)
	stop := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(rand.N(40 * time.Millisecond)):
				r.slow.Store(rand.Int64N(int64(3 * time.Millisecond)))
				r.cut()
			}
		}
	})
	// Another process writes to the same tenants, so that what became of a write
	// stands in the history.
	o.Endpoints = c.Endpoints()
	var others []uint64
	var other sync.WaitGroup
	other.Go(func() { others = writeConcurrently(t, open(t, o), 3, 20) })
	revisions := writeConcurrently(t, s, 6, 8)
	close(stop)
	cutting.Wait()
	other.Wait()
	wantOnce(t, c, o, append(revisions, others...))
	wantSound(t, c, o)
}

// writeConcurrently has many write to a few tenants at once, each an entry's whole
// life, and returns the revisions.
func writeConcurrently(t *testing.T, s store.Store, writers, rounds int) (revisions []uint64) {
	ctx := within(t, 2*time.Minute)
	var mu sync.Mutex
	var all sync.WaitGroup
	wrote := func(revision uint64, err error) bool {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Errorf("a write: %v", err)
		} else {
			revisions = append(revisions, revision)
		}
		return err == nil
	}
	for i := range writers {
		tenant := fmt.Sprint("tenant ", i%3)
		all.Go(func() {
			for n := range rounds {
				w, err := s.Create(ctx, entry(tenant, fmt.Sprint(n)))
				if !wrote(w.Revision, err) {
					return
				}
				edited, err := s.Edit(ctx, tenant, w.ID, appending("https://a.example"))
				if !wrote(edited.Revision, err) {
					return
				}
				if len(edited.ValidOrigins) != 1 {
					t.Errorf("an edit was made of an edit: %v", edited.ValidOrigins)
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

// losesNoEditOfSeveral has several processes edit one web integration at once.
func losesNoEditOfSeveral(t *testing.T, c *etcdtest.Cluster) {
	o := optionsOf(c)
	stores := []store.Store{open(t, o), open(t, o), open(t, o)}
	w := create(t, stores[0], entry("acme", "one"))
	revisions := []uint64{w.Revision}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			got, err := stores[i%len(stores)].Edit(within(t, time.Minute), "acme", w.ID, appending(fmt.Sprintf("https://%03d.example", i)))
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
		t.Errorf("of 100 edits it has %d: %v", len(got.ValidOrigins), got.ValidOrigins)
	}
	wantOnce(t, c, o, revisions)
	wantSound(t, c, o)
}

// holdsTheLimitsOfSeveral has several processes create in one tenant at once.
func holdsTheLimitsOfSeveral(t *testing.T, c *etcdtest.Cluster) {
	o := optionsOf(c)
	o.Limits = store.Limits{Integrations: 7, Origins: 1000}
	stores := []store.Store{open(t, o), open(t, o), open(t, o)}
	var created atomic.Int32
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			var limit *store.LimitError
			_, err := stores[i%3].Create(within(t, time.Minute), entry("acme", fmt.Sprint(i), "https://a.example"))
			if err == nil {
				created.Add(1)
			} else if !errors.As(err, &limit) {
				t.Errorf("Create: %v", err)
			}
		})
	}
	all.Wait()
	if n := created.Load(); n != 7 {
		t.Errorf("%d were created", n)
	}
	wantSound(t, c, o)
}

// givesAnIDToOne has several processes and tenants take one id at once.
func givesAnIDToOne(t *testing.T, c *etcdtest.Cluster) {
	o := optionsOf(c)
	stores := []store.Store{open(t, o), open(t, o)}
	for range 10 {
		w := entry("", "one")
		errs := make([]error, 8)
		var all sync.WaitGroup
		for i := range errs {
			w.TenantID = fmt.Sprint("tenant ", i/2)
			mine := w
			all.Go(func() { _, errs[i] = stores[i%2].Create(within(t, time.Minute), mine) })
		}
		all.Wait()
		errs = slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, store.ErrExists) })
		if len(errs) != 1 || errs[0] != nil {
			t.Errorf("the others got %v", errs)
		}
	}
	wantSound(t, c, o)
}

// endsUnansweredCalls has a member take requests and never answer.
func endsUnansweredCalls(t *testing.T, c *etcdtest.Cluster) {
	s, _, r := relayed(t, c)
	w := create(t, s, entry("acme", "one"))
	r.mute.Store(true)
	const patience = 300 * time.Millisecond
	for name, call := range map[string]func(context.Context) error{
		"Position": func(ctx context.Context) error { _, err := s.Position(ctx); return err },
		"Load":     func(ctx context.Context) error { _, _, err := s.Load(ctx, "acme"); return err },
		"Create":   func(ctx context.Context) error { _, err := s.Create(ctx, entry("acme", "two")); return err },
		"Edit": func(ctx context.Context) error {
			_, err := s.Edit(ctx, "acme", w.ID, appending("https://a.example"))
			return err
		},
		"Watch":  func(ctx context.Context) error { return s.Watch(ctx, w.Revision, nil) },
		"Accept": func(ctx context.Context) error { _, err := s.Accept(ctx); return err },
	} {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := call(ctx)
		cancel()
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > patience+time.Second {
			t.Errorf("%s ended after %v with %v", name, took, err)
		}
	}
	r.mute.Store(false)
	r.cut()
	if _, err := s.Integration(within(t, 10*time.Second), "acme", w.ID); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func saysWhy(t *testing.T, c *etcdtest.Cluster) {
	o := optionsOf(c)
	o.Endpoints = []string{"127.0.0.1:1"} // nobody
	s := open(t, o)
	_, err := s.Position(within(t, 300*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("the error is %v", err)
	}
	ctx := within(t, 300*time.Millisecond)
	if err := s.Watch(ctx, 0, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Watch: %v", err)
	}
	// One of several that is not there is no matter.
	o.Endpoints = append(o.Endpoints, c.Endpoints()[1])
	s = open(t, o)
	for range 20 {
		create(t, s, entry("acme", "one"))
	}
}
