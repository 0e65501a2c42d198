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

// at makes what the hooked store is now look as if it were at this revision of
// that store, as one that went back does.
type at struct {
	store.Store
	position store.Position
}

func (s at) Position(context.Context) (store.Position, error) { return s.position, nil }
func (s at) Accept(context.Context) (store.Position, error)   { return s.position, nil }

// following is a gateway whose store has three tenants. The lists of two are
// cached, and that of one who never wrote anything.
func following(t *testing.T) (g *gateway, last store.WebIntegration) {
	g = newGateway(t, openStore(t)).start()
	create(t, g.store, newIntegration("acme", "https://a.example"))
	create(t, g.store, newIntegration("not cached", "https://a.example"))
	last = create(t, g.store, newIntegration("other", "https://o.example"))
	g.await(last.Revision)
	g.mustList("acme")
	g.mustList("other")
	g.mustList("new")
	time.Sleep(beat)
	g.takeNotified()
	return g, last
}

func TestReset_KeepsEveryListUntilItIsAccepted(t *testing.T) {
	for name, found := range map[string]func(*testing.T, *gateway) store.Store{
		"another store": func(t *testing.T, g *gateway) store.Store {
			s := openStore(t)
			for range 10 { // further on than the one before
				create(t, s, newIntegration("acme", "https://new.example"))
			}
			return s
		},
		"an empty store": func(t *testing.T, g *gateway) store.Store { return openStore(t) },
		"an older revision": func(t *testing.T, g *gateway) store.Store {
			is := g.State().InForce
			return at{g.store.Store, store.Position{Store: is.Store, Revision: is.Revision - 1}}
		},
		"no identity": func(t *testing.T, g *gateway) store.Store { return at{g.store.Store, store.Position{}} },
		"a store that says so": func(t *testing.T, g *gateway) store.Store {
			return saying{g.store.Store, &store.ResetError{Known: g.State().InForce}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := following(t)
				was := g.State()
				s := found(t, g)
				g.store.update(func(h *hookedStore) { h.Store = s })
				time.Sleep(time.Hour)
				g.wantListed("acme", "https://a.example")
				g.wantListed("other", "https://o.example")
				g.wantNotListed("acme", "https://new.example")
				is := g.State()
				if is.InForce != was.InForce || is.Reset == nil || !is.Up || time.Since(is.Confirmed) < time.Hour-2*time.Second {
					t.Errorf("reset: %+v, was %+v", is, was)
				}
				if told := g.takeNotified(); len(told) != 0 {
					t.Errorf("notified of %q", told)
				}
				g.wantEvents(lists.StoreReset)
				if _, err := g.reportedEvents(); !errors.Is(err, store.ErrReset) {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}

// saying is a store that fails with an error of its own.
type saying struct {
	store.Store
	err error
}

func (s saying) Position(context.Context) (store.Position, error) { return store.Position{}, s.err }

func TestReset_IsOverWhenTheStoreComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, last := following(t)
		old, other := g.store.Store, openStore(t)
		g.store.update(func(h *hookedStore) { h.Store = other })
		time.Sleep(time.Minute)
		g.store.update(func(h *hookedStore) { h.Store = old })
		g.await(remove(t, g.store, last))
		if s := g.State(); s.Reset != nil {
			t.Errorf("it is the old one: %+v", s)
		}
		g.wantNotListed("other", "https://o.example")
		g.wantListed("acme", "https://a.example")
		g.wantEvents(lists.StoreReset, lists.StoreBack)
	})
}

func TestAccept_TakesTheListsThatAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, old := following(t)
		prepared := 0
		g.preloadWith(func(context.Context) error { prepared++; return nil })
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
			t.Errorf("it took %v", took)
		}
		is := g.State()
		if is.InForce != accepted || is.Reset != nil || is.Newest != w.Revision || prepared != 1 {
			t.Errorf("accepted: %+v, prepared %d times", is, prepared)
		}
		if told := g.takeNotified(); !slices.Equal(told, []string{"acme", "new", "not cached", "other"}) {
			t.Errorf("notified of %q", told)
		}
		g.wantListed("acme", "https://new.example")
		g.wantNotListed("acme", "https://a.example")
		g.wantNotListed("other", "https://o.example")
		gone := remove(t, g.store, w)
		g.await(create(t, g.store, newIntegration("new", "https://n.example")).Revision)
		if old.Revision <= gone {
			t.Fatal("revisions of the store before are no greater")
		}
		g.wantNotListed("acme", "https://new.example")
		g.wantListed("new", "https://n.example")
		g.wantEvents(lists.StoreReset, lists.StoreAccepted, lists.ListsLoaded)
	})
}

// Also before the beat has noticed that the store is another one.
func TestAccept_EndsTheFeedOfTheStoreBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := following(t)
		s := openStore(t)
		w := create(t, s, newIntegration("acme", "https://new.example"))
		g.store.update(func(h *hookedStore) { h.Store = s })
		if _, err := g.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.await(w.Revision)
		g.wantNotListed("other", "https://o.example")
		gone := remove(t, g.store, w)
		began := time.Now()
		g.await(gone)
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		g.wantEvents(lists.StoreAccepted)
	})
}

func TestAccept_LeavesAStoreThatWasNotResetAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, last := following(t)
		g.store.takeCalls()
		accepted, err := g.Accept(t.Context())
		if err != nil || accepted.Revision != last.Revision {
			t.Errorf("Accept: %+v, %v", accepted, err)
		}
		time.Sleep(time.Minute)
		g.wantCalls()
		g.wantEvents()
		if told := g.takeNotified(); len(told) != 0 {
			t.Errorf("notified of %q", told)
		}
	})
}

func TestAccept_FailsWithTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := following(t)
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

func TestAcceptReset_TakesTheStoreByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := following(t)
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
		if told := g.takeNotified(); !slices.Equal(told, []string{"acme", "new", "not cached", "other"}) {
			t.Errorf("notified of %q", told)
		}
		g.wantEvents(lists.StoreAccepted)
	})
}

// What the feed of the store before still has to tell is of no interest.
func TestAccept_IgnoresWhatTheStoreBeforeTellsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		late := newIntegration("acme", "https://late.example")
		late.Revision = 1000
		told := make(chan struct{})
		g.store.watch = func(_ store.Store, ctx context.Context, _ uint64, changed func([]origins.Change)) error {
			g.store.update(func(h *hookedStore) { h.watch = nil })
			<-ctx.Done()
			changed([]origins.Change{late.Change()})
			close(told)
			return ctx.Err()
		}
		g.start()
		g.mustList("acme")
		s := openStore(t)
		w := create(t, s, newIntegration("acme", "https://new.example"))
		g.store.update(func(h *hookedStore) {
			h.Store = s
			h.accepted = func() { g.mustList("acme") } // a request comes between
		})
		if _, err := g.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.mustList("acme")
		<-told
		g.await(w.Revision)
		if at := g.State().InForce.Revision; at != w.Revision {
			t.Errorf("in force is %d", at)
		}
		g.wantListed("acme", "https://new.example")
		g.wantNotListed("acme", "https://late.example")
	})
}

// What was read of the store before, to catch up, does not hold for the other.
func TestAccept_ComparesAgainWhatWasBeingCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		create(t, g.store, newIntegration("acme", "https://a.example"))
		reading, read := make(chan struct{}), make(chan struct{})
		g.store.update(func(h *hookedStore) { h.Store = slow{h.Store, reading, read} })
		g.start()
		<-reading
		s := openStore(t)
		w := create(t, s, newIntegration("acme", "https://new.example"))
		g.store.update(func(h *hookedStore) { h.Store = saying{s, &store.ResetError{}} })
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

// Lists that were prepared of the store before are not those of the other.
func TestAccept_PreparesAgainWhatWasBeingPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		create(t, g.store, newIntegration("acme"))
		preparing, prepared := make(chan struct{}, 2), make(chan struct{})
		g.preloadWith(func(context.Context) error {
			preparing <- struct{}{}
			<-prepared
			return nil
		})
		g.start()
		<-preparing
		s := openStore(t)
		w := create(t, s, newIntegration("acme"))
		g.store.update(func(h *hookedStore) { h.Store = s })
		if _, err := g.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at := g.State().InForce; at != (store.Position{}) {
			t.Errorf("before that it is at %+v", at)
		}
		close(prepared)
		g.await(w.Revision)
		select {
		case <-preparing:
		default:
			t.Error("in force unprepared")
		}
	})
}

// A list of the store before that was being read when that was replaced is read
// again.
func TestAccept_DropsAListThatWasBeingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := following(t)
		reading, read := make(chan struct{}), make(chan struct{})
		old := g.store.Store
		g.store.update(func(h *hookedStore) { h.Store = slow{old, reading, read} })
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

// slow hands over later than it has read.
type slow struct {
	store.Store
	reading, read chan struct{}
}

func (s slow) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	revision, all, err := s.Store.Load(ctx, tenant)
	close(s.reading)
	<-s.read
	return revision, all, err
}

func (s slow) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	at, revisions, err := s.Store.Tenants(ctx)
	close(s.reading)
	<-s.read
	return at, revisions, err
}

// The store is accepted while what the one before has told is brought in: the
// position is not that of the one before.
func TestAccept_LeavesThePositionToTheStoreThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := following(t)
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
			t.Errorf("in force is %+v, the store is at %d", at, w.Revision)
		}
		g.wantListed("acme", "https://new.example")
	})
}
