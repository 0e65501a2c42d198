package lists_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

// storeAt is a store that reports another position, such as an older revision.
type storeAt struct {
	store.Store
	position store.Position
}

func (s storeAt) Position(context.Context) (store.Position, error) { return s.position, nil }
func (s storeAt) Accept(context.Context) (store.Position, error)   { return s.position, nil }

// newFollower returns a gateway whose store has three tenants. The lists of two of
// them are cached, as is the empty list of a tenant that is not in the store.
func newFollower(t *testing.T) (g *gateway, last store.WebIntegration) {
	g = newGateway(t, openStore(t)).start()
	create(t, g.store, newIntegration("acme", "https://a.example"))
	create(t, g.store, newIntegration("not cached", "https://a.example"))
	last = create(t, g.store, newIntegration("other", "https://o.example"))
	g.await(last.Revision)
	g.mustList("acme")
	g.mustList("other")
	g.mustList("new")
	time.Sleep(positionInterval)
	g.takeNotified()
	return g, last
}

func TestReset_KeepsListsUntilAccepted(t *testing.T) {
	for name, found := range map[string]func(*testing.T, *gateway) store.Store{
		"other store": func(t *testing.T, g *gateway) store.Store {
			s := openStore(t)
			for range 10 { // to a greater revision than the old store's
				create(t, s, newIntegration("acme", "https://new.example"))
			}
			return s
		},
		"empty store": func(t *testing.T, g *gateway) store.Store { return openStore(t) },
		"older revision": func(t *testing.T, g *gateway) store.Store {
			is := g.State().InForce
			return storeAt{g.store.Store, store.Position{Store: is.Store, Revision: is.Revision - 1}}
		},
		"no identity": func(t *testing.T, g *gateway) store.Store { return storeAt{g.store.Store, store.Position{}} },
		"store that reports a reset": func(t *testing.T, g *gateway) store.Store {
			return failingStore{g.store.Store, &store.ResetError{Known: g.State().InForce}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := newFollower(t)
				was := g.State()
				s := found(t, g)
				g.store.update(func(h *hookedStore) { h.Store = s })
				time.Sleep(time.Hour)
				g.wantListed("acme", "https://a.example")
				g.wantListed("other", "https://o.example")
				g.wantNotListed("acme", "https://new.example")
				is := g.State()
				if is.InForce != was.InForce || is.Reset == nil || !is.Up || time.Since(is.Confirmed) < time.Hour-2*time.Second {
					t.Errorf("state after the reset %+v, before %+v", is, was)
				}
				if notified := g.takeNotified(); len(notified) != 0 {
					t.Errorf("notified of %q, want none", notified)
				}
				g.wantEvents(lists.StoreReset)
				if _, err := g.reportedEvents(); !errors.Is(err, store.ErrReset) {
					t.Errorf("error %v, want ErrReset", err)
				}
			})
		})
	}
}

// failingStore is a store whose Position fails with err.
type failingStore struct {
	store.Store
	err error
}

func (s failingStore) Position(context.Context) (store.Position, error) {
	return store.Position{}, s.err
}

func TestReset_EndsWhenOldStoreReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, last := newFollower(t)
		old, other := g.store.Store, openStore(t)
		g.store.update(func(h *hookedStore) { h.Store = other })
		time.Sleep(time.Minute)
		g.store.update(func(h *hookedStore) { h.Store = old })
		g.await(remove(t, g.store, last))
		if s := g.State(); s.Reset != nil {
			t.Errorf("state after the return of the old store: %+v", s)
		}
		g.wantNotListed("other", "https://o.example")
		g.wantListed("acme", "https://a.example")
		g.wantEvents(lists.StoreReset, lists.StoreBack)
	})
}

func TestAccept_LoadsListsOfNewStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, old := newFollower(t)
		preloads := 0
		g.preloadWith(func(context.Context) error { preloads++; return nil })
		s := openStore(t)
		w := create(t, s, newIntegration("acme", "https://new.example"))
		g.store.update(func(h *hookedStore) { h.Store = s })
		time.Sleep(time.Minute)
		accepted, err := g.Accept(t.Context())
		if err != nil || accepted.Revision != w.Revision {
			t.Errorf("Accept: %+v, %v", accepted, err)
		}
		began := time.Now()
		g.await(w.Revision)
		if took := time.Since(began); took != 0 {
			t.Errorf("Await took %v, want no time", took)
		}
		is := g.State()
		if is.InForce != accepted || is.Reset != nil || is.Newest != w.Revision || preloads != 1 {
			t.Errorf("state after Accept: %+v, %d preloads", is, preloads)
		}
		if notified := g.takeNotified(); !slices.Equal(notified, []string{"acme", "new", "not cached", "other"}) {
			t.Errorf("notified of %q, want all four tenants", notified)
		}
		g.wantListed("acme", "https://new.example")
		g.wantNotListed("acme", "https://a.example")
		g.wantNotListed("other", "https://o.example")
		deleted := remove(t, g.store, w)
		g.await(create(t, g.store, newIntegration("new", "https://n.example")).Revision)
		if old.Revision <= deleted {
			t.Fatal("the revisions of the old store are not greater")
		}
		g.wantNotListed("acme", "https://new.example")
		g.wantListed("new", "https://n.example")
		g.wantEvents(lists.StoreReset, lists.StoreAccepted, lists.ListsLoaded)
	})
}

// Accept may come before the gateway has noticed the new store.
func TestAccept_EndsFeedOfOldStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newFollower(t)
		s := openStore(t)
		w := create(t, s, newIntegration("acme", "https://new.example"))
		g.store.update(func(h *hookedStore) { h.Store = s })
		if _, err := g.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.await(w.Revision)
		g.wantNotListed("other", "https://o.example")
		deleted := remove(t, g.store, w)
		began := time.Now()
		g.await(deleted)
		if took := time.Since(began); took != 0 {
			t.Errorf("Await took %v, want no time", took)
		}
		g.wantEvents(lists.StoreAccepted)
	})
}

func TestAccept_ChangesNothingWithoutReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, last := newFollower(t)
		g.store.takeCalls()
		accepted, err := g.Accept(t.Context())
		if err != nil || accepted.Revision != last.Revision {
			t.Errorf("Accept: %+v, %v", accepted, err)
		}
		time.Sleep(time.Minute)
		g.wantCalls()
		g.wantEvents()
		if notified := g.takeNotified(); len(notified) != 0 {
			t.Errorf("notified of %q, want none", notified)
		}
	})
}

func TestAccept_ReturnsStoreError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newFollower(t)
		s := openStore(t)
		g.store.update(func(h *hookedStore) { h.Store = s })
		time.Sleep(time.Minute)
		g.store.setDown()
		if at, err := g.Accept(t.Context()); !errors.Is(err, errDown) || at != (store.Position{}) {
			t.Errorf("Accept: %+v, %v", at, err)
		}
		g.wantListed("acme", "https://a.example")
	})
}

func TestAcceptReset_AcceptsNewStoreAutomatically(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newFollower(t)
		g.stop()
		g.Configure(func(config *lists.Config) { config.AcceptReset = true })
		s := openStore(t)
		w := create(t, s, newIntegration("acme", "https://new.example"))
		g.store.update(func(h *hookedStore) { h.Store = s })
		g.start()
		g.await(w.Revision)
		synctest.Wait()
		g.wantListed("acme", "https://new.example")
		g.wantNotListed("acme", "https://a.example")
		g.wantNotListed("other", "https://o.example")
		if notified := g.takeNotified(); !slices.Equal(notified, []string{"acme", "new", "not cached", "other"}) {
			t.Errorf("notified of %q, want all four tenants", notified)
		}
		g.wantEvents(lists.StoreAccepted)
	})
}

// Late changes from the feed of the old store are ignored.
func TestAccept_IgnoresLateChangesOfOldStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		late := newIntegration("acme", "https://late.example")
		late.Revision = 1000
		notified := make(chan struct{})
		g.store.watch = func(_ store.Store, ctx context.Context, _ uint64, changed func([]origins.Change)) error {
			g.store.update(func(h *hookedStore) { h.watch = nil })
			<-ctx.Done()
			changed([]origins.Change{late.Change()})
			close(notified)
			return ctx.Err()
		}
		g.start()
		g.mustList("acme")
		s := openStore(t)
		w := create(t, s, newIntegration("acme", "https://new.example"))
		g.store.update(func(h *hookedStore) {
			h.Store = s
			h.accepted = func() { g.mustList("acme") } // a request arrives during Accept
		})
		if _, err := g.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.mustList("acme")
		<-notified
		g.await(w.Revision)
		if at := g.State().InForce.Revision; at != w.Revision {
			t.Errorf("revision %d is in force, want the new store's", at)
		}
		g.wantListed("acme", "https://new.example")
		g.wantNotListed("acme", "https://late.example")
	})
}

// A comparison with the old store does not hold for the new one.
func TestAccept_RestartsComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		create(t, g.store, newIntegration("acme", "https://a.example"))
		reading, read := make(chan struct{}), make(chan struct{})
		g.store.update(func(h *hookedStore) { h.Store = slowStore{h.Store, reading, read} })
		g.start()
		<-reading
		s := openStore(t)
		w := create(t, s, newIntegration("acme", "https://new.example"))
		g.store.update(func(h *hookedStore) { h.Store = failingStore{s, &store.ResetError{}} })
		if _, err := g.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.store.update(func(h *hookedStore) { h.Store = s })
		close(read)
		g.await(w.Revision)
		g.wantListed("acme", "https://new.example")
		g.wantEvents(lists.StoreAccepted)
	})
}

// Lists that were preloaded from the old store are not those of the new one.
func TestAccept_RestartsPreload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		create(t, g.store, newIntegration("acme"))
		preloading, preloads := make(chan struct{}, 2), make(chan struct{})
		g.preloadWith(func(context.Context) error {
			preloading <- struct{}{}
			<-preloads
			return nil
		})
		g.start()
		<-preloading
		s := openStore(t)
		w := create(t, s, newIntegration("acme"))
		g.store.update(func(h *hookedStore) { h.Store = s })
		if _, err := g.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at := g.State().InForce; at != (store.Position{}) {
			t.Errorf("position before the preload: %+v", at)
		}
		close(preloads)
		g.await(w.Revision)
		select {
		case <-preloading:
		default:
			t.Error("in force without a second preload")
		}
	})
}

// A list that was being loaded from the old store is loaded again from the new
// one.
func TestAccept_ReloadsListThatWasLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newFollower(t)
		reading, read := make(chan struct{}), make(chan struct{})
		old := g.store.Store
		g.store.update(func(h *hookedStore) { h.Store = slowStore{old, reading, read} })
		go g.List(context.Background(), "not cached")
		<-reading
		s := openStore(t)
		w := create(t, s, newIntegration("not cached", "https://new.example"))
		g.store.update(func(h *hookedStore) { h.Store = s })
		if _, err := g.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.await(w.Revision)
		close(read)
		g.wantListed("not cached", "https://new.example")
		g.wantNotListed("not cached", "https://a.example")
	})
}

// slowStore reads at once but returns only when read is closed.
type slowStore struct {
	store.Store
	reading, read chan struct{}
}

func (s slowStore) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	revision, all, err := s.Store.Load(ctx, tenant)
	close(s.reading)
	<-s.read
	return revision, all, err
}

func (s slowStore) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	at, revisions, err := s.Store.Tenants(ctx)
	close(s.reading)
	<-s.read
	return at, revisions, err
}

// The store is accepted while a change of the old store is applied, which must not
// set the position to the old store's.
func TestAccept_KeepsPositionOfNewStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newFollower(t)
		s := openStore(t)
		accept := sync.OnceFunc(func() {
			g.store.update(func(h *hookedStore) { h.Store = s })
			if _, err := g.Accept(t.Context()); err != nil {
				t.Error(err)
			}
		})
		g.Subscribe(func(tenant string) {
			if tenant == "told" {
				accept()
			}
		})
		create(t, g.store.Store, newIntegration("told", "https://a.example"))
		w := create(t, s, newIntegration("acme", "https://new.example"))
		time.Sleep(time.Minute)
		if at := g.State().InForce; at.Revision != w.Revision {
			t.Errorf("in force %+v, want the store's revision %d", at, w.Revision)
		}
		g.wantListed("acme", "https://new.example")
	})
}
