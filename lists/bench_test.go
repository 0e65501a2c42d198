package lists_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/store"
)

// memoryStore is a store of one tenant whose feed delivers what is sent to it.
type memoryStore struct {
	store.Store
	lists    []store.WebIntegration
	revision atomic.Uint64
	feed     chan []origins.Change
}

// newMemoryStore returns a store with total origins, 100 in each web integration.
func newMemoryStore(total int) *memoryStore {
	s := &memoryStore{feed: make(chan []origins.Change)}
	for i := range total / 100 {
		w := store.WebIntegration{ID: fmt.Sprint("integration-", i), TenantID: "acme", Revision: s.revision.Add(1)}
		for n := range 100 {
			w.ValidOrigins = append(w.ValidOrigins, fmt.Sprintf("https://app-%d.part-%d.example", n, i))
		}
		s.lists = append(s.lists, w)
	}
	return s
}

func (s *memoryStore) at() store.Position {
	return store.Position{Store: "one", Revision: s.revision.Load()}
}

func (s *memoryStore) Load(context.Context, string) (uint64, []store.WebIntegration, error) {
	return s.at().Revision, s.lists, nil
}

func (s *memoryStore) Position(context.Context) (store.Position, error) { return s.at(), nil }

func (s *memoryStore) Tenants(context.Context) (store.Position, map[string]uint64, error) {
	return s.at(), map[string]uint64{"acme": s.at().Revision}, nil
}

func (s *memoryStore) Watch(ctx context.Context, _ uint64, changed func([]origins.Change)) error {
	for {
		select {
		case changes := <-s.feed:
			changed(changes)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send delivers n changes of different web integrations together and returns the
// last revision.
func (s *memoryStore) send(n int) uint64 {
	changes := make([]origins.Change, n)
	for i := range changes {
		revision := s.revision.Add(1)
		changes[i] = origins.Change{Tenant: "acme", Part: origins.Part{
			ID: fmt.Sprint("changed-", i), Revision: revision,
			Origins: []string{fmt.Sprintf("https://at-%d.example", revision), "https://stays.example"},
		}}
	}
	s.feed <- changes
	return s.revision.Load()
}

func BenchmarkCache_List(b *testing.B) {
	c := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10_000, Origins: 5_000_000}}, func(context.Context, string) (*origins.List, error) {
		return newList(1, 10), nil
	})
	tenants := make([]string, 10_000)
	for i := range tenants {
		tenants[i] = fmt.Sprint("tenant-", i)
		c.List(b.Context(), tenants[i])
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := c.List(context.Background(), tenants[i]); err != nil {
			b.Fatal(err)
		}
		i = (i + 1) % len(tenants)
	}
}

// The cost of a change does not depend on the size of the tenant's list.
func BenchmarkFollow_Change(b *testing.B) {
	for _, size := range []int{1000, 1_000_000} {
		s := newMemoryStore(size)
		g := newGateway(b, s).start()
		g.await(s.revision.Load())
		g.mustList("acme")
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := g.Await(b.Context(), s.send(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
		g.stop()
	}
}

// A thousand changes of a tenant with a million origins, and the cost of reads of
// its list meanwhile.
func BenchmarkFollow_Burst(b *testing.B) {
	s := newMemoryStore(1_000_000)
	g := newGateway(b, s).start()
	g.await(s.revision.Load())
	g.mustList("acme")
	ctx, stop := context.WithCancel(b.Context())
	read := make(chan time.Duration)
	go func() {
		began, n := time.Now(), time.Duration(0)
		for ; ctx.Err() == nil; n++ {
			g.mustList("acme")
		}
		read <- time.Since(began) / n
	}()
	for b.Loop() {
		if err := g.Await(b.Context(), s.send(1000)); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	b.ReportMetric(float64(<-read), "ns/read")
}
