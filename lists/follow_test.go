package lists_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

func TestFollow_AppliesChangesOfAnotherGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		first, second := newGateway(t, s), newGateway(t, s)
		for _, g := range []*gateway{first, second} {
			if err := g.CatchUp(t.Context()); err != nil { // so that no comparison runs once lists are cached
				t.Fatal(err)
			}
			g.start()
			g.mustList("acme")
		}
		w := create(t, first.store, newIntegration("acme", "https://a.example", "https://b.example"))
		first.Apply(w.Change())
		first.wantListed("acme", "https://a.example")
		second.await(w.Revision)
		second.wantListed("acme", "https://a.example", "https://b.example")
		second.await(edit(t, first.store, w, "https://b.example").Revision)
		second.wantNotListed("acme", "https://a.example")
		deleted := remove(t, second.store, w)
		first.await(deleted)
		first.wantNotListed("acme", "https://b.example")
		if at := first.State().InForce; at.Revision != deleted || at.Store == "" {
			t.Errorf("in force %+v, want the deletion at revision %d", at, deleted)
		}
		if loads := first.Stats().Loads + second.Stats().Loads; loads != 2 {
			t.Errorf("%d loads, want one at each gateway", loads)
		}
	})
}

func TestFollow_NotifiesOfUncachedTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t)).start()
		g.await(create(t, g.store, newIntegration("acme", "https://a.example")).Revision)
		if changed := g.takeNotified(); !slices.Equal(changed, []string{"acme"}) || len(g.Tenants()) != 0 {
			t.Errorf("notified of %q, cached %q", changed, g.Tenants())
		}
	})
}

// A request may load the list with the change before the feed delivers it.
func TestFollow_NotifiesOfChangeAlreadyLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		hold := make(chan struct{})
		g.store.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
			return s.Watch(ctx, after, func(all []origins.Change) {
				<-hold
				changed(all)
			})
		}
		g.start()
		g.await(w.Revision)
		deleted := remove(t, g.store, w)
		g.wantNotListed("acme", "https://a.example") // loads the list
		g.takeNotified()
		close(hold)
		g.await(deleted)
		if notified := g.takeNotified(); !slices.Equal(notified, []string{"acme"}) {
			t.Errorf("notified of %q, want acme", notified)
		}
	})
}

func TestFollow_WaitsForStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		preloads := 0
		g.preloadWith(func(ctx context.Context) error {
			if preloads++; preloads < 3 {
				return errors.New("not yet")
			}
			_, err := g.List(ctx, "acme")
			return err
		})
		g.store.setDown()
		if err := g.CatchUp(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("CatchUp: %v", err)
		}
		g.start()
		time.Sleep(time.Hour)
		if s := g.State(); s.Up || s.InForce.Revision != 0 || !s.Confirmed.IsZero() || preloads != 0 {
			t.Errorf("state without the store: %+v, %d preloads", s, preloads)
		}
		g.store.setUp()
		g.await(w.Revision)
		if s := g.State(); !s.Up || preloads != 3 {
			t.Errorf("state with the store: %+v, %d preloads", s, preloads)
		}
		g.wantListed("acme", "https://a.example")
		time.Sleep(time.Hour)
		if preloads != 3 {
			t.Errorf("%d preloads, want 3", preloads)
		}
		g.wantEvents(lists.StoreLost, lists.StoreBack, lists.ListsBehind, lists.ListsLoaded)
	})
}

// Lists that cannot be preloaded delay the revision in force, not the feed.
func TestFollow_AppliesFeedBeforePreloadSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		ready := make(chan struct{})
		g.preloadWith(func(context.Context) error {
			select {
			case <-ready:
				return nil
			default:
				return errors.New("not yet")
			}
		})
		g.start()
		g.mustList("acme")
		deleted := remove(t, g.store, w)
		synctest.Wait()
		g.wantNotListed("acme", "https://a.example")
		if at := g.State().InForce.Revision; at != 0 {
			t.Errorf("revision %d is in force before the preload, want 0", at)
		}
		close(ready)
		g.await(deleted)
	})
}

func TestFollow_ResumesSilentFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		g.mustList("acme")
		g.store.watch = func(_ store.Store, ctx context.Context, _ uint64, _ func([]origins.Change)) error {
			g.store.update(func(h *hookedStore) { h.watch = nil })
			<-ctx.Done()
			return ctx.Err()
		}
		g.start()
		g.await(w.Revision)
		deleted := remove(t, g.store, w)
		began := time.Now()
		time.Sleep(positionInterval)
		synctest.Wait()
		if s := g.State(); s.Newest != deleted || s.InForce.Revision != w.Revision {
			t.Errorf("before the feed resumes, want newest revision %d, not in force: %+v", deleted, s)
		}
		g.await(deleted)
		if took := time.Since(began); took > positionInterval+timeout+200*time.Millisecond {
			t.Errorf("the feed was resumed after %v", took)
		}
		g.wantNotListed("acme", "https://a.example")
		g.wantEvents(lists.FeedBroken)
		if resumes := g.State().Resumes; resumes != 1 {
			t.Errorf("%d resumes, want 1", resumes)
		}
	})
}

func TestFollow_ReportsBrokenFeedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		g.store.watch = func(store.Store, context.Context, uint64, func([]origins.Change)) error { return nil }
		g.start()
		time.Sleep(10 * time.Minute)
		g.wantEvents(lists.FeedBroken)
		broken := make(chan struct{})
		g.store.update(func(h *hookedStore) {
			h.watch = func(store.Store, context.Context, uint64, func([]origins.Change)) error {
				<-broken
				return errDown
			}
		})
		time.Sleep(10 * time.Minute)
		close(broken) // breaks the feed again
		time.Sleep(10 * time.Minute)
		g.wantEvents(lists.FeedBroken, lists.FeedBroken)
	})
}

func TestFollow_ServesLoadedListsWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		g.Configure(func(config *lists.Config) { config.MaxStaleness = 10 * time.Minute })
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		g.start()
		g.await(w.Revision)
		g.mustList("acme")
		time.Sleep(time.Hour) // the store confirms the list
		g.wantListed("acme", "https://a.example")
		confirmed := g.State().Confirmed
		if age := time.Since(confirmed); age > 2*time.Second || !g.State().Up {
			t.Errorf("confirmed %v ago; state %+v", age, g.State())
		}
		g.store.setDown()
		time.Sleep(10*time.Minute - 2*time.Second)
		g.wantDecision("acme", "https://a.example", origins.Listed)
		if s := g.State(); s.Up || s.InForce.Revision != w.Revision || s.Confirmed.Sub(confirmed) > time.Second {
			t.Errorf("state without the store: %+v", s)
		}
		time.Sleep(4 * time.Second)
		g.wantDecision("acme", "https://a.example", origins.ListStale)
		g.store.setUp()
		edited := edit(t, g.store, w, "https://b.example")
		g.await(edited.Revision)
		time.Sleep(time.Second)
		g.wantDecision("acme", "https://b.example", origins.Listed)
		g.wantDecision("acme", "https://a.example", origins.OriginNotListed)
		g.wantEvents(lists.StoreLost, lists.StoreBack)
	})
}

// wantDecision checks the decision about a GET request with the origin.
func (g *gateway) wantDecision(tenant, origin string, want origins.Reason) {
	g.t.Helper()
	var policy origins.Policy
	r := origins.Request{Method: "GET", Origin: []string{origin}}
	if got := policy.Decide(&r, g.mustList(tenant)); got != want {
		g.t.Errorf("%s is %v, want %v", origin, got, want)
	}
}

func TestFollow_HangingCallsTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t)).start()
		g.await(create(t, g.store, newIntegration("acme")).Revision)
		g.store.update(func(h *hookedStore) {
			h.fail = func(ctx context.Context, call, _ string) error {
				if call == "Position" {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}
		})
		time.Sleep(timeout + 2*time.Second)
		if g.State().Up {
			t.Error("the store is reported as up")
		}
	})
}

// Of several changes of one web integration, only the last builds a list.
func TestFollow_AppliesOnlyLastChangeOfBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://v0.example"))
		other := create(t, g.store, newIntegration("acme", "https://other.example"))
		hold, held := make(chan struct{}), make(chan struct{})
		g.store.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
			close(held)
			<-hold
			return s.Watch(ctx, after, changed)
		}
		g.start()
		<-held
		g.mustList("acme")
		for n := range 100 {
			w = edit(t, g.store, w, fmt.Sprintf("https://v%d.example", n+1))
		}
		remove(t, g.store, other)
		other = edit(t, g.store, w, "https://last.example")
		before := g.Installs()
		close(hold)
		g.await(other.Revision)
		if n := g.Installs() - before; n != 2 {
			t.Errorf("%d lists were built, want 2", n)
		}
		g.wantListed("acme", "https://last.example")
		g.wantNotListed("acme", "https://v0.example", "https://v100.example", "https://other.example")
	})
}

func TestFollow_StopsWhenContextEnds(t *testing.T) {
	for name, prepare := range map[string]func(*gateway){
		"idle":              func(*gateway) {},
		"without the store": func(g *gateway) { g.store.setDown() },
		"during a call": func(g *gateway) {
			g.store.fail = func(ctx context.Context, _, _ string) error { <-ctx.Done(); return ctx.Err() }
		},
		"during preload": func(g *gateway) {
			g.preloadWith(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		},
		"with a silent feed": func(g *gateway) {
			g.store.watch = func(_ store.Store, ctx context.Context, _ uint64, _ func([]origins.Change)) error {
				<-ctx.Done()
				return ctx.Err()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, openStore(t))
				prepare(g)
				g.start()
				synctest.Wait()
				ended := time.Now()
				g.stop() // the bubble fails if a goroutine remains
				if took := time.Since(ended); took != 0 {
					t.Errorf("Run returned after %v, want at once", took)
				}
				time.Sleep(timeout) // until a shared load has ended
			})
		})
	}
}

func TestAwait_ReturnsWhenContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Await(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Await: %v", err)
		}
		if err := g.Await(ctx, 0); err != nil {
			t.Errorf("Await(0): %v", err)
		}
	})
}

// Local writes, changes from the feed and reads of the state must not block each
// other.
func TestFollow_ConcurrentUse(t *testing.T) {
	s := openStore(t)
	first, second := newGateway(t, s).start(), newGateway(t, s).start()
	var last [2]uint64
	var writers sync.WaitGroup
	for i, g := range []*gateway{first, second} {
		writers.Go(func() {
			for n := range 50 {
				w := create(t, g.store, newIntegration("acme", fmt.Sprintf("https://w%d-%d.example", i, n)))
				g.Apply(w.Change())
				g.State()
				if _, err := g.Accept(t.Context()); err != nil {
					t.Errorf("Accept: %v", err)
				}
				last[i] = remove(t, g.store, w)
				g.Apply(store.Deletion("acme", w.ID, last[i]))
				g.mustList("acme")
			}
		})
	}
	writers.Wait()
	for _, g := range []*gateway{first, second} {
		g.await(max(last[0], last[1]))
		if n := g.mustList("acme").Len(); n != 0 {
			t.Errorf("%d origins are listed, want 0", n)
		}
	}
}
