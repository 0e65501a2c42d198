package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"originwarden/origins"
	"originwarden/store"
)

func feedTests() []test {
	return []test{
		{name: "HaveEveryChange", run: feedHasEveryChange},
		{name: "HaveEachOnceInTheOrderOfTheCommits", run: feedIsInOrder},
		{name: "GoOnWhereTheyWereLeft", run: feedGoesOn},
		{name: "EndWithTheirContext", run: feedEnds},
		{name: "ReachEveryWatcher", run: feedReachesAll},
		{name: "AddUpToWhatIsKept", run: feedAddsUp},
		{name: "KnowEachTenantsLastWrite", run: tenantsKnowTheirLastWrite},
		{name: "AreOfOneStore", run: identityStays},
	}
}

// watched is what one Watch has been handed so far.
type watched struct {
	mu      sync.Mutex
	changes []origins.Change
	more    chan struct{}
	stop    context.CancelFunc
	ended   chan error
}

// watch begins to watch, until the test ends.
func (s *subject) watch(after uint64) *watched {
	ctx, stop := context.WithCancel(s.Context())
	w := &watched{more: make(chan struct{}, 1), stop: stop, ended: make(chan error, 1)}
	go func() { w.ended <- s.Watch(ctx, after, w.add) }()
	s.Cleanup(stop)
	return w
}

func (w *watched) add(changes []origins.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = append(w.changes, changes...)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *watched) all() []origins.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.changes)
}

// until returns what was handed over when the revision has been reached.
func (s *subject) until(w *watched, revision uint64) []origins.Change {
	s.Helper()
	for {
		all := w.all()
		if n := len(all); n > 0 && all[n-1].Revision >= revision {
			return all
		}
		select {
		case <-w.more:
		case err := <-w.ended:
			s.Fatalf("Watch ended with %v", err)
		case <-s.Context().Done():
			s.Fatal("the test ended first")
		}
	}
}

func feedHasEveryChange(s *subject) {
	before := s.create(entry("acme", "before"))
	w := s.watch(before.Revision)
	one := s.create(entry("acme", "one", "https://A.example", "https://b.example:443"))
	two := s.create(entry("t/\x00 ü", "two"))
	edited := s.edit(one, func(w *store.WebIntegration) { w.ValidOrigins = []string{"https://c.example"} })
	renamed := s.edit(before, func(w *store.WebIntegration) { w.Name = "after" })
	deleted := s.delete(two)
	want := []origins.Change{
		one.Change(), two.Change(), edited.Change(), renamed.Change(), store.Deletion(two.TenantID, two.ID, deleted),
	}
	got := s.until(w, deleted)
	if len(got) != len(want) {
		s.Fatalf("the feed has %d changes, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		if len(got[i].Origins) == 0 && len(want[i].Origins) == 0 {
			got[i].Origins, want[i].Origins = nil, nil
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			s.Errorf("change %d\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// feedIsInOrder has many write at once.
func feedIsInOrder(s *subject) {
	w := s.watch(s.revision())
	revisions := s.writeALot("acme", "other")
	slices.Sort(revisions)
	var fed []uint64
	for _, c := range s.until(w, revisions[len(revisions)-1]) {
		fed = append(fed, c.Revision)
	}
	if !slices.Equal(fed, revisions) {
		s.Errorf("the feed has the revisions %d, want %d", fed, revisions)
	}
}

// writeALot has many write at once, and returns the revisions.
func (s *subject) writeALot(tenants ...string) (revisions []uint64) {
	const writers, rounds = 4, 10
	var mu sync.Mutex
	var done sync.WaitGroup
	wrote := func(revision uint64) {
		mu.Lock()
		defer mu.Unlock()
		revisions = append(revisions, revision)
	}
	for i := range writers {
		tenant := tenants[i%len(tenants)]
		done.Go(func() {
			for n := range rounds {
				w, err := s.Create(s.Context(), entry(tenant, "one", fmt.Sprintf("https://w%d-%d.example", i, n)))
				if err != nil {
					s.Errorf("Create: %v", err)
					return
				}
				wrote(w.Revision)
				edited, err := s.Edit(s.Context(), tenant, w.ID, func(w *store.WebIntegration) error {
					w.ValidOrigins = append(w.ValidOrigins, "https://shared.example")
					return nil
				})
				if err != nil {
					s.Errorf("Edit: %v", err)
					return
				}
				wrote(edited.Revision)
				if n%2 == 0 {
					continue
				}
				deletion, err := s.Delete(s.Context(), tenant, w.ID, allowed)
				if err != nil {
					s.Errorf("Delete: %v", err)
					return
				}
				wrote(deletion)
			}
		})
	}
	done.Wait()
	return revisions
}

func feedGoesOn(s *subject) {
	one := s.create(entry("acme", "one"))
	first := s.watch(one.Revision - 1)
	s.until(first, one.Revision)
	first.stop()
	if err := <-first.ended; !errors.Is(err, context.Canceled) {
		s.Errorf("Watch ended with %v", err)
	}
	missed := s.edit(one, func(w *store.WebIntegration) { w.Name = "two" })
	gone := s.delete(one)
	again := s.watch(one.Revision)
	then := s.create(entry("acme", "three"))
	var got []uint64
	for _, c := range s.until(again, then.Revision) {
		got = append(got, c.Revision)
	}
	if want := []uint64{missed.Revision, gone, then.Revision}; !slices.Equal(got, want) {
		s.Errorf("it went on with %d, want %d", got, want)
	}
	if all := first.all(); len(all) != 1 {
		s.Errorf("a watch that had ended was handed %+v", all)
	}
}

func feedEnds(s *subject) {
	s.create(entry("acme", "one"))
	w := s.watch(s.revision())
	w.stop()
	if err := <-w.ended; !errors.Is(err, context.Canceled) {
		s.Errorf("Watch ended with %v", err)
	}
	ahead := s.watch(s.revision() + 100)
	ahead.stop()
	if err := <-ahead.ended; !errors.Is(err, context.Canceled) {
		s.Errorf("ahead of the store Watch ended with %v", err)
	}
}

func feedReachesAll(s *subject) {
	from := s.revision()
	var watchers []*watched
	for range 5 {
		watchers = append(watchers, s.watch(from))
	}
	revisions := s.writeALot("acme")
	last := slices.Max(revisions)
	for i, w := range watchers {
		if all := s.until(w, last); len(all) != len(revisions) {
			s.Errorf("watcher %d was handed %d of %d changes", i, len(all), len(revisions))
		}
	}
}

// feedAddsUp brings every change into lists that begin empty: they end as those
// that are read.
func feedAddsUp(s *subject) {
	tenants := []string{"acme", "other"}
	from := s.revision()
	lists := map[string]*origins.List{}
	for _, t := range tenants {
		lists[t] = origins.NewList(from, nil)
	}
	w := s.watch(from)
	revisions := s.writeALot(tenants...)
	for _, c := range s.until(w, slices.Max(revisions)) {
		lists[c.Tenant] = lists[c.Tenant].With(c)
	}
	for _, t := range tenants {
		_, kept := s.load(t)
		total := 0
		for _, w := range kept {
			total += len(w.ValidOrigins)
			for _, o := range w.ValidOrigins {
				if known, listed := lists[t].PartContains(w.ID, o); !known || !listed {
					s.Errorf("%s is kept and was not fed", o)
				}
			}
		}
		if lists[t].Len() != total {
			s.Errorf("%d origins were fed, %d are kept", lists[t].Len(), total)
		}
	}
}

func tenantsKnowTheirLastWrite(s *subject) {
	if at, all, err := s.Tenants(s.Context()); err != nil || at.Revision != 0 || len(all) != 0 {
		s.Errorf("an empty store has the tenants %v at %+v, %v", all, at, err)
	}
	one := s.create(entry("acme", "one"))
	other := s.create(entry("o/ther", "one"))
	edited := s.edit(one, func(w *store.WebIntegration) { w.Name = "two" })
	s.wantTenants(map[string]uint64{"acme": edited.Revision, "o/ther": other.Revision})
	deleted := s.delete(other)
	want := map[string]uint64{"acme": edited.Revision, "o/ther": deleted}
	s.wantTenants(want)
	s.reopen()
	s.wantTenants(want)
	if _, err := s.Delete(s.Context(), "acme", "none", allowed); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("Delete: %v", err)
	}
	s.wantTenants(want)
}

func (s *subject) wantTenants(want map[string]uint64) {
	s.Helper()
	at, all, err := s.Tenants(s.Context())
	if err != nil || !reflect.DeepEqual(all, want) {
		s.Errorf("the tenants are %v, %v; want %v", all, err, want)
	}
	if now := s.position(); at != now {
		s.Errorf("they were read at %+v, the store is at %+v", at, now)
	}
}

func identityStays(s *subject) {
	at := s.position()
	s.create(entry("acme", "one"))
	s.reopen()
	now := s.position()
	if at.Store == "" || now.Store != at.Store || now.Revision <= at.Revision {
		s.Errorf("its position went from %+v to %+v", at, now)
	}
	if accepted, err := s.Accept(s.Context()); err != nil || accepted != now {
		s.Errorf("Accept returns %+v, %v; it is at %+v", accepted, err, now)
	}
	other := newSubject(s.T, s.openNew, store.Limits{})
	if is := other.position().Store; is == now.Store {
		s.Errorf("two stores are %s", is)
	}
}
