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

// Two write and two follow, while feeds break and lose their history and reads
// fail. No list ever has what was deleted up to the revision in force; when all
// is quiet the lists are those of the store.
func TestFollow_AgreesWithTheStoreInTheEnd(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newStorm(t, seed).run() })
		})
	}
}

// storm is one such time.
type storm struct {
	t        *testing.T
	tenants  []string
	gateways []*gateway

	mu   sync.Mutex
	gone map[string]map[string]uint64 // by tenant and origin, the revision of the deletion
	last uint64
}

func newStorm(t *testing.T, seed uint64) *storm {
	s := &storm{t: t, tenants: []string{"acme", "other", "third"}, gone: map[string]map[string]uint64{}}
	for _, tenant := range s.tenants {
		s.gone[tenant] = map[string]uint64{}
	}
	at := openStore(t)
	for i := range uint64(2) {
		g := newGateway(t, at)
		g.Cache = lists.New(lists.Config{ // of two of the three tenants
			Store: g.store, Bounds: lists.Bounds{Tenants: 2, Origins: 1000}, Timeout: timeout, Report: g.record,
		})
		g.store.fail = unreliable(rand.New(rand.NewPCG(seed, i)))
		g.store.watch = s.breaking(rand.New(rand.NewPCG(seed, i+10)))
		s.gateways = append(s.gateways, g.start())
	}
	return s
}

// unreliable fails one call in ten.
func unreliable(chance *rand.Rand) func(context.Context, string, string) error {
	var mu sync.Mutex
	return func(context.Context, string, string) error {
		mu.Lock()
		defer mu.Unlock()
		if chance.IntN(10) == 0 {
			return errDown
		}
		return nil
	}
}

// breaking is a feed that ends at any change, and forgets its history at times.
func (s *storm) breaking(chance *rand.Rand) func(store.Store, context.Context, uint64, func([]origins.Change)) error {
	var compacted uint64
	return func(engine store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
		if now, err := engine.Position(ctx); err == nil && chance.IntN(3) == 0 {
			compacted = now.Revision
		}
		if after < compacted {
			return store.ErrCompacted
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		left := 1 + chance.IntN(10)
		return engine.Watch(ctx, after, func(changes []origins.Change) {
			if left = left - 1; left > 0 {
				changed(changes)
				return
			}
			stop() // and what came is lost
		})
	}
}

func (s *storm) run() {
	var writers, readers sync.WaitGroup
	calm := make(chan struct{})
	for i, g := range s.gateways {
		writers.Go(func() { s.write(g, rand.New(rand.NewPCG(uint64(i), 99))) })
		readers.Go(func() { s.read(g, calm) })
	}
	writers.Wait()
	for _, g := range s.gateways {
		g.store.update(func(h *hookedStore) { h.fail, h.watch = nil, nil })
		g.await(s.last)
	}
	close(calm)
	readers.Wait()
	time.Sleep(2 * time.Second) // a failed read is remembered for one
	for _, g := range s.gateways {
		for _, tenant := range s.tenants {
			s.compare(g, tenant)
		}
		if events, errs := g.reportedEvents(); slices.Contains(events, lists.ChangeMissed) {
			s.t.Errorf("a change was missed: %v", errs)
		}
	}
}

// write creates, edits and deletes at one gateway.
func (s *storm) write(g *gateway, chance *rand.Rand) {
	kept := map[string][]store.WebIntegration{}
	for n := range 150 {
		tenant := s.tenants[chance.IntN(len(s.tenants))]
		all := kept[tenant]
		switch {
		case len(all) < 2 || chance.IntN(3) == 0:
			w := create(s.t, g.store, newIntegration(tenant, s.fresh(g, n)))
			s.wrote(g, w.Change())
			kept[tenant] = append(all, w)
		case chance.IntN(2) == 0:
			i := chance.IntN(len(all))
			old := all[i].ValidOrigins[0]
			all[i] = edit(s.t, g.store, all[i], s.fresh(g, n))
			s.wrote(g, all[i].Change(), old)
		default:
			i := chance.IntN(len(all))
			w := all[i]
			s.wrote(g, store.Deletion(tenant, w.ID, remove(s.t, g.store, w)), w.ValidOrigins[0])
			kept[tenant] = slices.Delete(all, i, i+1)
		}
		time.Sleep(time.Duration(chance.IntN(100)) * time.Millisecond)
	}
}

// fresh is an origin that is listed once.
func (s *storm) fresh(g *gateway, n int) string {
	return fmt.Sprintf("https://g%d-%d.example", slices.Index(s.gateways, g), n)
}

// wrote brings a write into the list of the gateway where it came in.
func (s *storm) wrote(g *gateway, c origins.Change, gone ...string) {
	g.Apply(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, origin := range gone {
		s.gone[c.Tenant][origin] = c.Revision
	}
	s.last = max(s.last, c.Revision)
}

func (s *storm) read(g *gateway, calm <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-calm:
			return
		case <-time.After(7 * time.Millisecond):
		}
		tenant := s.tenants[n%len(s.tenants)]
		inForce := g.State().InForce.Revision
		l, err := g.List(s.t.Context(), tenant)
		if err != nil {
			continue
		}
		for origin, revision := range s.goneBy(tenant, inForce) {
			if l.Contains(origin) {
				s.t.Errorf("%s is listed at %d, deleted at %d, in force is %d", origin, l.Revision(), revision, inForce)
				return
			}
		}
	}
}

func (s *storm) goneBy(tenant string, inForce uint64) map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := map[string]uint64{}
	for origin, revision := range s.gone[tenant] {
		if revision <= inForce {
			gone[origin] = revision
		}
	}
	return gone
}

func (s *storm) compare(g *gateway, tenant string) {
	_, all, err := g.store.Load(s.t.Context(), tenant)
	if err != nil {
		s.t.Fatal(err)
	}
	want := map[string][]string{}
	for _, w := range all {
		want[w.ID] = slices.Sorted(slices.Values(w.ValidOrigins))
	}
	if got := listed(g.mustList(tenant)); !reflect.DeepEqual(got, want) {
		s.t.Errorf("%s lists %v, the store %v", tenant, got, want)
	}
}

// listed is what a list has, by web integration.
func listed(l *origins.List) map[string][]string {
	all := map[string][]string{}
	for c := range l.Changes("") {
		if !c.Deleted {
			slices.Sort(c.Origins)
			all[c.ID] = c.Origins
		}
	}
	return all
}
