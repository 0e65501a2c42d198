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

func TestFollow_BringsWhatAnotherGatewayWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		here, there := newGateway(t, s), newGateway(t, s)
		for _, g := range []*gateway{here, there} {
			if err := g.CatchUp(t.Context()); err != nil { // it compares now, and not when lists are there
				t.Fatal(err)
			}
			g.start()
			g.mustList("acme")
		}
		w := create(t, here.store, newIntegration("acme", "https://a.example", "https://b.example"))
		here.Apply(w.Change())
		here.wantListed("acme", "https://a.example")
		there.await(w.Revision)
		there.wantListed("acme", "https://a.example", "https://b.example")
		there.await(edit(t, here.store, w, "https://b.example").Revision)
		there.wantNotListed("acme", "https://a.example")
		gone := remove(t, there.store, w)
		here.await(gone)
		here.wantNotListed("acme", "https://b.example")
		if at := here.State().InForce; at.Revision != gone || at.Store == "" {
			t.Errorf("in force is %+v, the deletion is %d", at, gone)
		}
		if loads := here.Stats().Loads + there.Stats().Loads; loads != 2 {
			t.Errorf("%d lists were read, want one at each gateway", loads)
		}
	})
}

func TestFollow_TellsWhoseListHasChangedAlsoWhenItIsNotCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t)).start()
		g.await(create(t, g.store, newIntegration("acme", "https://a.example")).Revision)
		if changed := g.takeNotified(); !slices.Equal(changed, []string{"acme"}) || len(g.Tenants()) != 0 {
			t.Errorf("notified of %q, cached %q", changed, g.Tenants())
		}
	})
}

// Another request may have the list loaded before the feed has come so far.
func TestFollow_TellsOfAChangeThatALoadHasOvertaken(t *testing.T) {
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
		gone := remove(t, g.store, w)
		g.wantNotListed("acme", "https://a.example") // it is read now
		g.takeNotified()
		close(hold)
		g.await(gone)
		if told := g.takeNotified(); !slices.Equal(told, []string{"acme"}) {
			t.Errorf("notified of %q", told)
		}
	})
}

func TestFollow_WaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		prepared := 0
		g.preloadWith(func(ctx context.Context) error {
			if prepared++; prepared < 3 {
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
		if s := g.State(); s.Up || s.InForce.Revision != 0 || !s.Confirmed.IsZero() || prepared != 0 {
			t.Errorf("without the store: %+v, prepared %d times", s, prepared)
		}
		g.store.setUp()
		g.await(w.Revision)
		if s := g.State(); !s.Up || prepared != 3 {
			t.Errorf("with the store: %+v, prepared %d times", s, prepared)
		}
		g.wantListed("acme", "https://a.example")
		time.Sleep(time.Hour)
		if prepared != 3 {
			t.Errorf("prepared %d times", prepared)
		}
		g.wantEvents(lists.StoreLost, lists.StoreBack, lists.ListsBehind, lists.ListsLoaded)
	})
}

// Lists that cannot be prepared keep the revision in force back, not the feed.
func TestFollow_DoesNotHoldUpTheFeedUntilItIsPrepared(t *testing.T) {
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
		gone := remove(t, g.store, w)
		synctest.Wait()
		g.wantNotListed("acme", "https://a.example")
		if at := g.State().InForce.Revision; at != 0 {
			t.Errorf("revision %d is in force unprepared", at)
		}
		close(ready)
		g.await(gone)
	})
}

func TestFollow_TakesASilentFeedUpAgain(t *testing.T) {
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
		gone := remove(t, g.store, w)
		began := time.Now()
		time.Sleep(beat)
		synctest.Wait()
		if s := g.State(); s.Newest != gone || s.InForce.Revision != w.Revision {
			t.Errorf("told nothing of %d: %+v", gone, s)
		}
		g.await(gone)
		if took := time.Since(began); took > beat+timeout+200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		g.wantNotListed("acme", "https://a.example")
		g.wantEvents(lists.FeedBroken)
		if resumes := g.State().Resumes; resumes != 1 {
			t.Errorf("taken up again %d times", resumes)
		}
	})
}

func TestFollow_ReportsAFeedThatDoesNotWorkOnce(t *testing.T) {
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
		close(broken) // again
		time.Sleep(10 * time.Minute)
		g.wantEvents(lists.FeedBroken, lists.FeedBroken)
	})
}

func TestFollow_ServesLoadedListsWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		g.Configure(func(config *lists.Config) { config.MaxStaleness = 10 * time.Minute })
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		g.start()
		g.await(w.Revision)
		g.mustList("acme")
		time.Sleep(time.Hour) // confirmed all the while
		g.wantListed("acme", "https://a.example")
		confirmed := g.State().Confirmed
		if age := time.Since(confirmed); age > 2*time.Second || !g.State().Up {
			t.Errorf("confirmed %v ago; %+v", age, g.State())
		}
		g.store.setDown()
		time.Sleep(10*time.Minute - 2*time.Second)
		g.wantDecision("acme", "https://a.example", origins.Listed)
		if s := g.State(); s.Up || s.InForce.Revision != w.Revision || s.Confirmed.Sub(confirmed) > time.Second {
			t.Errorf("without the store: %+v", s)
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

// wantDecision is what enforce does with a request of the origin.
func (g *gateway) wantDecision(tenant, origin string, want origins.Reason) {
	g.t.Helper()
	var policy origins.Policy
	r := origins.Request{Method: "GET", Origin: []string{origin}}
	if got := policy.Decide(&r, g.mustList(tenant)); got != want {
		g.t.Errorf("%s is %v, want %v", origin, got, want)
	}
}

func TestFollow_HangingCallsEndWithinTheTimeout(t *testing.T) {
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
			t.Error("the store is up")
		}
	})
}

// Only the last of the changes of one web integration builds a list.
func TestFollow_AppliesTheLastOfABatch(t *testing.T) {
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
			t.Errorf("%d lists were built for the last changes of two web integrations", n)
		}
		g.wantListed("acme", "https://last.example")
		g.wantNotListed("acme", "https://v0.example", "https://v100.example", "https://other.example")
	})
}

func TestFollow_EndsWithItsContext(t *testing.T) {
	for name, prepare := range map[string]func(*gateway){
		"at rest":           func(*gateway) {},
		"without the store": func(g *gateway) { g.store.setDown() },
		"in a call": func(g *gateway) {
			g.store.fail = func(ctx context.Context, _, _ string) error { <-ctx.Done(); return ctx.Err() }
		},
		"while it prepares": func(g *gateway) {
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
				g.stop() // the bubble fails if a goroutine is left
				if took := time.Since(ended); took != 0 {
					t.Errorf("it took %v", took)
				}
				time.Sleep(timeout) // for a load that others might join
			})
		})
	}
}

func TestAwait_EndsWithItsContext(t *testing.T) {
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

// What other gateways write does not wait for what is written here, nor the
// other way around, nor for whoever asks how things are.
func TestFollow_IsUsedConcurrently(t *testing.T) {
	s := openStore(t)
	here, there := newGateway(t, s).start(), newGateway(t, s).start()
	var last [2]uint64
	var writers sync.WaitGroup
	for i, g := range []*gateway{here, there} {
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
	for _, g := range []*gateway{here, there} {
		g.await(max(last[0], last[1]))
		if n := g.mustList("acme").Len(); n != 0 {
			t.Errorf("%d origins are listed", n)
		}
	}
}
