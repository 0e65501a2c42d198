package lists_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

// Two gateways write and follow while feeds break, histories are compacted and
// calls fail. No list ever has an origin that was deleted up to the revision in
// force, and in the end the lists are those of the store.
func TestFollow_ConvergesToStoreState(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newStressTest(t, seed).run() })
		})
	}
}

// stressTest is the state of one such run.
type stressTest struct {
	t        *testing.T
	tenants  []string
	gateways []*gateway

	mu      sync.Mutex
	deleted map[string]map[string]uint64 // by tenant and origin, the revision of the deletion
	last    uint64
}

func newStressTest(t *testing.T, seed uint64) *stressTest {
	s := &stressTest{t: t, tenants: []string{"acme", "other", "third"}, deleted: map[string]map[string]uint64{}}
	for _, tenant := range s.tenants {
		s.deleted[tenant] = map[string]uint64{}
	}
	at := openStore(t)
	for i := range uint64(2) {
		g := newGateway(t, at)
		g.Cache = lists.New(lists.Config{ // caches two of the three tenants
			Store: g.store, Bounds: lists.Bounds{Tenants: 2, Origins: 1000}, Timeout: timeout, Report: g.record,
		})
		g.store.fail = failAtRandom(rand.New(rand.NewPCG(seed, i)))
		g.store.watch = s.breakFeedAtRandom(rand.New(rand.NewPCG(seed, i+10)))
		s.gateways = append(s.gateways, g.start())
	}
	return s
}

// failAtRandom returns a hook that fails one call in ten.
func failAtRandom(random *rand.Rand) func(context.Context, string, string) error {
	var mu sync.Mutex
	return func(context.Context, string, string) error {
		mu.Lock()
		defer mu.Unlock()
		if random.IntN(10) == 0 {
			return errDown
		}
		return nil
	}
}

// breakFeedAtRandom returns a Watch that ends at a random change and sometimes
// fails with ErrFeedGap.
func (s *stressTest) breakFeedAtRandom(random *rand.Rand) func(store.Store, context.Context, uint64, func([]origins.Change)) error {
	var compacted uint64
	return func(backend store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
		if now, err := backend.Position(ctx); err == nil && random.IntN(3) == 0 {
			compacted = now.Revision
		}
		if after < compacted {
			return store.ErrFeedGap
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		left := 1 + random.IntN(10)
		return backend.Watch(ctx, after, func(changes []origins.Change) {
			if left = left - 1; left > 0 {
				changed(changes)
				return
			}
			stop() // these changes are lost
		})
	}
}

func (s *stressTest) run() {
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i, g := range s.gateways {
		writers.Go(func() { s.write(g, rand.New(rand.NewPCG(uint64(i), 99))) })
		readers.Go(func() { s.read(g, done) })
	}
	writers.Wait()
	for _, g := range s.gateways {
		g.store.update(func(h *hookedStore) { h.fail, h.watch = nil, nil })
		g.await(s.last)
	}
	close(done)
	readers.Wait()
	time.Sleep(2 * time.Second) // until failed loads are forgotten
	for _, g := range s.gateways {
		for _, tenant := range s.tenants {
			s.compare(g, tenant)
		}
		if events, errs := g.reportedEvents(); slices.Contains(events, lists.ChangeMissed) {
			s.t.Errorf("a change was missed: %v", errs)
		}
	}
}

// write creates, edits and deletes web integrations at one gateway.
func (s *stressTest) write(g *gateway, random *rand.Rand) {
	created := map[string][]store.WebIntegration{}
	for n := range 150 {
		tenant := s.tenants[random.IntN(len(s.tenants))]
		all := created[tenant]
		switch {
		case len(all) < 2 || random.IntN(3) == 0:
			w := create(s.t, g.store, newIntegration(tenant, s.newOrigin(g, n)))
			s.recordWrite(g, w.Change())
			created[tenant] = append(all, w)
		case random.IntN(2) == 0:
			i := random.IntN(len(all))
			old := all[i].ValidOrigins[0]
			all[i] = edit(s.t, g.store, all[i], s.newOrigin(g, n))
			s.recordWrite(g, all[i].Change(), old)
		default:
			i := random.IntN(len(all))
			w := all[i]
			s.recordWrite(g, store.Deletion(tenant, w.ID, remove(s.t, g.store, w)), w.ValidOrigins[0])
			created[tenant] = slices.Delete(all, i, i+1)
		}
		time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
	}
}

// newOrigin returns an origin that no other write lists.
func (s *stressTest) newOrigin(g *gateway, n int) string {
	return fmt.Sprintf("https://g%d-%d.example", slices.Index(s.gateways, g), n)
}

// recordWrite applies a change at the gateway that wrote it.
func (s *stressTest) recordWrite(g *gateway, c origins.Change, deleted ...string) {
	g.Apply(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, origin := range deleted {
		s.deleted[c.Tenant][origin] = c.Revision
	}
	s.last = max(s.last, c.Revision)
}

func (s *stressTest) read(g *gateway, done <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-time.After(7 * time.Millisecond):
		}
		tenant := s.tenants[n%len(s.tenants)]
		inForce := g.State().InForce.Revision
		l, err := g.List(s.t.Context(), tenant)
		if err != nil {
			continue
		}
		for origin, revision := range s.deletedBy(tenant, inForce) {
			if l.Contains(origin) {
				s.t.Errorf("%s is listed at revision %d, deleted at %d, in force %d", origin, l.Revision(), revision, inForce)
				return
			}
		}
	}
}

func (s *stressTest) deletedBy(tenant string, inForce uint64) map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	deleted := map[string]uint64{}
	for origin, revision := range s.deleted[tenant] {
		if revision <= inForce {
			deleted[origin] = revision
		}
	}
	return deleted
}

func (s *stressTest) compare(g *gateway, tenant string) {
	_, all, err := g.store.Load(s.t.Context(), tenant)
	if err != nil {
		s.t.Fatal(err)
	}
	want := map[string][]string{}
	for _, w := range all {
		want[w.ID] = slices.Sorted(slices.Values(w.ValidOrigins))
	}
	if got := originsByIntegration(g.mustList(tenant)); !reflect.DeepEqual(got, want) {
		s.t.Errorf("%s: list %v, store %v", tenant, got, want)
	}
}

// originsByIntegration returns the origins of a list by web integration.
func originsByIntegration(l *origins.List) map[string][]string {
	all := map[string][]string{}
	for c := range l.Changes("") {
		if !c.Deleted {
			slices.Sort(c.Origins)
			all[c.ID] = c.Origins
		}
	}
	return all
}
