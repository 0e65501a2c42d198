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
		{name: "DeliverEveryChange", run: feedDeliversEveryChange},
		{name: "DeliverInCommitOrder", run: feedIsInOrder},
		{name: "Resume", run: feedResumes},
		{name: "EndWithContext", run: feedEndsWithContext},
		{name: "ReachEveryWatcher", run: feedReachesEveryWatcher},
		{name: "MatchStoredLists", run: feedMatchesStoredLists},
		{name: "TenantsReturnsLastRevisions", run: tenantsReturnsLastRevisions},
		{name: "IdentityIsStable", run: identityIsStable},
	}
}

// watcher collects the changes of one Watch.
type watcher struct {
	mu      sync.Mutex
	changes []origins.Change
	more    chan struct{}
	stop    context.CancelFunc
	ended   chan error
}

// watch starts a Watch, which is stopped when the test ends.
func (s *subject) watch(after uint64) *watcher {
	ctx, stop := context.WithCancel(s.Context())
	w := &watcher{more: make(chan struct{}, 1), stop: stop, ended: make(chan error, 1)}
	go func() { w.ended <- s.Watch(ctx, after, w.add) }()
	s.Cleanup(stop)
	return w
}

func (w *watcher) add(changes []origins.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = append(w.changes, changes...)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *watcher) all() []origins.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.changes)
}

// changesUntil waits for the revision and returns all changes received by then.
func (s *subject) changesUntil(w *watcher, revision uint64) []origins.Change {
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

func feedDeliversEveryChange(s *subject) {
	before := s.create(newIntegration("acme", "before"))
	w := s.watch(before.Revision)
	one := s.create(newIntegration("acme", "one", "https://A.example", "https://b.example:443"))
	two := s.create(newIntegration("t/\x00 ü", "two"))
	edited := s.edit(one, func(w *store.WebIntegration) { w.ValidOrigins = []string{"https://c.example"} })
	renamed := s.edit(before, func(w *store.WebIntegration) { w.Name = "after" })
	deletion := s.delete(two)
	want := []origins.Change{
		one.Change(), two.Change(), edited.Change(), renamed.Change(), store.Deletion(two.TenantID, two.ID, deletion),
	}
	got := s.changesUntil(w, deletion)
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

func feedIsInOrder(s *subject) {
	w := s.watch(s.revision())
	revisions := s.writeConcurrently("acme", "other")
	slices.Sort(revisions)
	if fed := revisionsOf(s.changesUntil(w, slices.Max(revisions))); !slices.Equal(fed, revisions) {
		s.Errorf("the feed has the revisions %d, want %d", fed, revisions)
	}
}

// writeConcurrently makes many concurrent writes and returns their revisions.
func (s *subject) writeConcurrently(tenants ...string) (revisions []uint64) {
	const writers, rounds = 4, 10
	var mu sync.Mutex
	var done sync.WaitGroup
	record := func(revision uint64, err error) {
		s.wantError("a write", err, nil)
		mu.Lock()
		defer mu.Unlock()
		revisions = append(revisions, revision)
	}
	for i := range writers {
		tenant := tenants[i%len(tenants)]
		done.Go(func() {
			for n := range rounds {
				w, err := s.Create(s.Context(), newIntegration(tenant, "one", fmt.Sprintf("https://w%d-%d.example", i, n)))
				record(w.Revision, err)
				edited, err := s.Edit(s.Context(), tenant, w.ID, func(w *store.WebIntegration) error {
					w.ValidOrigins = append(w.ValidOrigins, "https://shared.example")
					return nil
				})
				record(edited.Revision, err)
				if n%2 == 1 {
					record(s.Delete(s.Context(), tenant, w.ID, allowed))
				}
			}
		})
	}
	done.Wait()
	return revisions
}

func revisionsOf(changes []origins.Change) (revisions []uint64) {
	for _, c := range changes {
		revisions = append(revisions, c.Revision)
	}
	return revisions
}

func feedResumes(s *subject) {
	one := s.create(newIntegration("acme", "one"))
	first := s.watch(one.Revision - 1)
	s.changesUntil(first, one.Revision)
	first.stop()
	if err := <-first.ended; !errors.Is(err, context.Canceled) {
		s.Errorf("Watch ended with %v", err)
	}
	missed := s.edit(one, func(w *store.WebIntegration) { w.Name = "two" })
	deleted := s.delete(one)
	again := s.watch(one.Revision)
	then := s.create(newIntegration("acme", "three"))
	got := revisionsOf(s.changesUntil(again, then.Revision))
	if want := []uint64{missed.Revision, deleted, then.Revision}; !slices.Equal(got, want) {
		s.Errorf("the resumed Watch received the revisions %d, want %d", got, want)
	}
	if all := first.all(); len(all) != 1 {
		s.Errorf("the stopped Watch received %+v", all)
	}
}

func feedEndsWithContext(s *subject) {
	s.create(newIntegration("acme", "one"))
	w := s.watch(s.revision())
	w.stop()
	if err := <-w.ended; !errors.Is(err, context.Canceled) {
		s.Errorf("Watch ended with %v", err)
	}
	ahead := s.watch(s.revision() + 100)
	ahead.stop()
	if err := <-ahead.ended; !errors.Is(err, context.Canceled) {
		s.Errorf("Watch after a future revision ended with %v", err)
	}
}

func feedReachesEveryWatcher(s *subject) {
	from := s.revision()
	var watchers []*watcher
	for range 5 {
		watchers = append(watchers, s.watch(from))
	}
	revisions := s.writeConcurrently("acme")
	last := slices.Max(revisions)
	for i, w := range watchers {
		if all := s.changesUntil(w, last); len(all) != len(revisions) {
			s.Errorf("watcher %d received %d of %d changes", i, len(all), len(revisions))
		}
	}
}

// feedMatchesStoredLists applies every change to empty lists, and compares them with what
// Load returns.
func feedMatchesStoredLists(s *subject) {
	tenants := []string{"acme", "other"}
	from := s.revision()
	lists := map[string]*origins.List{}
	for _, t := range tenants {
		lists[t] = origins.NewList(from, nil)
	}
	w := s.watch(from)
	revisions := s.writeConcurrently(tenants...)
	for _, c := range s.changesUntil(w, slices.Max(revisions)) {
		lists[c.Tenant] = lists[c.Tenant].With(c)
	}
	for _, t := range tenants {
		_, stored := s.load(t)
		total := 0
		for _, w := range stored {
			total += len(w.ValidOrigins)
			for _, o := range w.ValidOrigins {
				if known, listed := lists[t].PartContains(w.ID, o); !known || !listed {
					s.Errorf("%s is stored, but missing from the feed", o)
				}
			}
		}
		if lists[t].Len() != total {
			s.Errorf("the feed has %d origins, the store %d", lists[t].Len(), total)
		}
	}
}

func tenantsReturnsLastRevisions(s *subject) {
	if at, all, err := s.Tenants(s.Context()); err != nil || at.Revision != 0 || len(all) != 0 {
		s.Errorf("Tenants of an empty store = %v at %+v, %v", all, at, err)
	}
	one := s.create(newIntegration("acme", "one"))
	other := s.create(newIntegration("o/ther", "one"))
	edited := s.edit(one, func(w *store.WebIntegration) { w.Name = "two" })
	s.wantTenants(map[string]uint64{"acme": edited.Revision, "o/ther": other.Revision})
	deletion := s.delete(other)
	want := map[string]uint64{"acme": edited.Revision, "o/ther": deletion}
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
		s.Errorf("Tenants = %v, %v; want %v", all, err, want)
	}
	if now := s.position(); at != now {
		s.Errorf("Tenants read at %+v, but the store is at %+v", at, now)
	}
}

func identityIsStable(s *subject) {
	at := s.position()
	s.create(newIntegration("acme", "one"))
	s.reopen()
	now := s.position()
	if at.Store == "" || now.Store != at.Store || now.Revision <= at.Revision {
		s.Errorf("the position went from %+v to %+v", at, now)
	}
	if accepted, err := s.Accept(s.Context()); err != nil || accepted != now {
		s.Errorf("Accept = %+v, %v; want %+v", accepted, err, now)
	}
	other := newSubject(s.T, s.openNew, store.Limits{})
	if id := other.position().Store; id == now.Store {
		s.Errorf("two stores have the identity %s", id)
	}
}
