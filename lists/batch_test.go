package lists_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/store"
)

// manyStore reads lists one by one, and several at once by many. It records the calls.
type manyStore struct {
	lists.Store
	many func(tenants []string) (uint64, map[string][]store.WebIntegration, error)
	load func() // is called before each single read; may be nil

	mu              sync.Mutex
	single, batches []string
}

func (s *manyStore) Load(_ context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	if s.load != nil {
		s.load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.single = append(s.single, tenant)
	return 5, integrationOf(tenant), nil
}

func (s *manyStore) LoadMany(_ context.Context, tenants []string) (uint64, map[string][]store.WebIntegration, error) {
	s.mu.Lock()
	s.batches = append(s.batches, fmt.Sprint(tenants))
	s.mu.Unlock()
	return s.many(tenants)
}

// integrationOf returns a web integration with one origin of the tenant.
func integrationOf(tenant string) []store.WebIntegration {
	return []store.WebIntegration{{ID: tenant, TenantID: tenant, Revision: 5, ValidOrigins: []string{"https://" + tenant + ".example"}}}
}

func readAll(tenants []string) (uint64, map[string][]store.WebIntegration, error) {
	all := map[string][]store.WebIntegration{}
	for _, tenant := range tenants {
		all[tenant] = integrationOf(tenant)
	}
	return 5, all, nil
}

func newManyCache(s *manyStore, bound int, tenants ...string) *lists.Cache {
	return lists.New(lists.Config{Store: s, Bounds: lists.Bounds{Tenants: bound, Origins: 1000}, Timeout: time.Second, Tenants: func() []string { return tenants }})
}

func TestPreload_ReadsListsInBatches(t *testing.T) {
	for _, row := range []struct {
		rule   string
		many   func([]string) (uint64, map[string][]store.WebIntegration, error)
		single []string // that are read one by one
	}{
		{"all at once", readAll, nil},
		{"some are too much", func(tenants []string) (uint64, map[string][]store.WebIntegration, error) {
			return readAll(tenants[:1])
		}, []string{"b", "c"}},
		{"the read fails", func([]string) (uint64, map[string][]store.WebIntegration, error) {
			return 0, nil, errors.ErrUnsupported
		}, []string{"a", "b", "c"}},
	} {
		s := &manyStore{many: row.many}
		cache := newManyCache(s, 10, "a", "b", "c")
		if err := cache.Preload(t.Context()); err != nil {
			t.Fatalf("%s: %v", row.rule, err)
		}
		slices.Sort(s.single)
		if !slices.Equal(s.batches, []string{"[a b c]"}) || !slices.Equal(s.single, row.single) {
			t.Errorf("%s: batches %q, single reads %q, want %q", row.rule, s.batches, s.single, row.single)
		}
		for _, tenant := range []string{"a", "b", "c"} {
			if list, err := cache.List(t.Context(), tenant); err != nil || !list.Contains("https://"+tenant+".example") {
				t.Errorf("%s: list of %s: %v", row.rule, tenant, err)
			}
		}
		if n := len(s.single); n != len(row.single) {
			t.Errorf("%s: lists were read again: %q", row.rule, s.single)
		}
	}
}

// A Preload ends with its context, also while it reads lists one by one, and while
// another Preload runs. A request may need the store longer.
func TestPreload_EndsWithContext(t *testing.T) {
	reading, release := make(chan bool, 2), make(chan bool)
	s := &manyStore{many: func([]string) (uint64, map[string][]store.WebIntegration, error) { return 5, nil, nil }}
	s.load = func() {
		reading <- true
		<-release
	}
	cache := newManyCache(s, 10, "a", "b")
	ended, asked := make(chan error), make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- cache.Preload(ctx) }()
	<-reading
	go func() { ended <- cache.Preload(ctx) }()
	go func() {
		_, err := cache.List(t.Context(), "a")
		asked <- err
	}()
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	}
	close(release)
	if err := <-asked; err != nil {
		t.Errorf("a request that has waited: %v", err)
	}
}

// A batch does not read beyond the bounds of the cache.
func TestPreload_StopsAtBoundOfOrigins(t *testing.T) {
	s := &manyStore{many: func(tenants []string) (uint64, map[string][]store.WebIntegration, error) { return readAll(tenants[:1]) }}
	cache := lists.New(lists.Config{Store: s, Bounds: lists.Bounds{Tenants: 10, Origins: 1}, Timeout: time.Second,
		Tenants: func() []string { return []string{"a", "b", "c"} }})
	if err := cache.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stats := cache.Stats(); len(s.single) > 0 || stats.Evictions > 0 || stats.Tenants != 1 {
		t.Errorf("single reads %q, %+v; want the list of a alone", s.single, stats)
	}
}

// Changes that are committed while a batch is read are in its lists.
func TestPreload_AppliesChangesDuringBatch(t *testing.T) {
	var cache *lists.Cache
	s := &manyStore{many: func(tenants []string) (uint64, map[string][]store.WebIntegration, error) {
		revision, all, err := readAll(tenants)
		liststest.Apply(cache, origins.Change{Tenant: "a", Part: origins.Part{ID: "a", Revision: 6, Origins: []string{"https://new.example"}}})
		liststest.Invalidate(cache, "b")
		return revision, all, err
	}}
	cache = newManyCache(s, 10, "a", "b", "c")
	if err := cache.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := cache.List(t.Context(), "a")
	if err != nil || !list.Contains("https://new.example") || list.Contains("https://a.example") {
		t.Errorf("a lacks the change: %v", err)
	}
	if !slices.Equal(s.single, []string{"b"}) {
		t.Errorf("lists that were read again: %q, want b, which the batch may be older than", s.single)
	}
}

// A request for a list that is being read in a batch waits for it.
func TestPreload_SharesBatchWithRequests(t *testing.T) {
	asked := make(chan error)
	var cache *lists.Cache
	s := &manyStore{many: func(tenants []string) (uint64, map[string][]store.WebIntegration, error) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := cache.List(ctx, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("a request that does not wait: %v", err)
		}
		go func() {
			_, err := cache.List(context.Background(), "b")
			asked <- err
		}()
		return readAll(tenants)
	}}
	cache = newManyCache(s, 10, "a", "b")
	if err := cache.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-asked; err != nil || len(s.single) > 0 {
		t.Errorf("error %v, single reads %q", err, s.single)
	}
}

// A full cache is left alone: its lists are those that requests use.
func TestPreload_EvictsNoList(t *testing.T) {
	s := &manyStore{many: readAll}
	cache := newManyCache(s, 2, "a", "b", "c", "d")
	for _, tenant := range []string{"d", "c"} {
		if _, err := cache.List(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	if err := cache.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stats := cache.Stats(); len(s.batches) > 0 || stats.Evictions != 0 || stats.Tenants != 2 {
		t.Errorf("batches %q, %+v", s.batches, stats)
	}
}
