package lists_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

// cut makes the feed end, and not begin again until go on is called; then it
// says first that its history is compacted.
func (g *gateway) cut() (goOn func()) {
	hold := make(chan struct{})
	g.store.update(func(h *hookedStore) {
		h.watch = func(_ store.Store, ctx context.Context, _ uint64, _ func([]origins.Change)) error {
			select {
			case <-hold:
			case <-ctx.Done():
				return ctx.Err()
			}
			g.store.update(func(h *hookedStore) { h.watch = nil })
			return store.ErrCompacted
		}
	})
	return func() { close(hold) }
}

func TestCompare_ReadsAnewWhatHasChangedSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		changed := create(t, g.store, newIntegration("changed", "https://a.example"))
		emptied := create(t, g.store, newIntegration("emptied", "https://a.example"))
		last := create(t, g.store, newIntegration("same", "https://a.example"))
		evicted := create(t, g.store, newIntegration("never cached", "https://a.example"))
		goOn := g.cut()
		g.start()
		g.await(evicted.Revision)
		for _, tenant := range []string{"changed", "emptied", "same"} {
			g.mustList(tenant)
		}
		g.store.takeCalls()
		g.takeNotified()
		edit(t, g.store, changed, "https://b.example")
		remove(t, g.store, evicted)
		gone := remove(t, g.store, emptied)
		goOn()
		g.await(gone)
		g.wantCalls("Load changed", "Load emptied", "Tenants", "Watch")
		if told := g.takeNotified(); !slices.Equal(told, []string{"changed", "emptied", "never cached"}) {
			t.Errorf("notified of %q", told)
		}
		g.wantListed("changed", "https://b.example")
		g.wantNotListed("changed", "https://a.example")
		g.wantNotListed("emptied", "https://a.example")
		g.wantListed("same", "https://a.example")
		g.wantEvents(lists.FeedBroken)
		// A change that comes late brings nothing back.
		g.Apply(emptied.Change())
		g.wantNotListed("emptied", "https://a.example")
		g.await(edit(t, g.store, last, "https://c.example").Revision)
		g.wantListed("same", "https://c.example")
	})
}

// A list that is being read when the feed is compared may be older than that.
func TestCompare_ReadsAListAgainThatWasBeingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		goOn := g.cut()
		g.start()
		g.await(w.Revision)
		reading, read := make(chan struct{}), make(chan struct{})
		is := g.store.Store
		g.store.update(func(h *hookedStore) { h.Store = slow{is, reading, read} })
		go g.List(context.Background(), "acme")
		<-reading
		g.store.update(func(h *hookedStore) { h.Store = is })
		gone := remove(t, g.store, w)
		goOn()
		g.await(gone)
		close(read)
		g.wantNotListed("acme", "https://a.example")
	})
}

// One list that cannot be read holds the revision in force back, but neither
// the other lists nor the feed.
func TestCompare_GoesOnBesideAListThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		bad := create(t, g.store, newIntegration("bad", "https://a.example"))
		good := create(t, g.store, newIntegration("good", "https://a.example"))
		goOn := g.cut()
		g.start()
		g.await(good.Revision)
		g.mustList("bad")
		g.mustList("good")
		g.store.update(func(h *hookedStore) {
			h.fail = func(_ context.Context, call, tenant string) error {
				if call == "Load" && tenant == "bad" {
					return errDown
				}
				return nil
			}
		})
		edit(t, g.store, bad, "https://b.example")
		edit(t, g.store, good, "https://b.example")
		goOn()
		time.Sleep(time.Minute)
		confirmed := g.State().Confirmed
		g.wantListed("good", "https://b.example")
		gone := remove(t, g.store, good)
		time.Sleep(time.Minute)
		g.wantNotListed("good", "https://b.example")
		g.wantListed("bad", "https://a.example") // served as before
		if s := g.State(); s.InForce.Revision != good.Revision || s.Confirmed != confirmed || !s.Up || s.Newest != gone {
			t.Errorf("with a list that cannot be read: %+v", s)
		}
		g.store.setUp()
		g.await(gone)
		g.wantListed("bad", "https://b.example")
		g.wantNotListed("bad", "https://a.example")
		g.wantEvents(lists.FeedBroken, lists.ListsBehind)
	})
}

// A store that is lost while lists are read anew leaves them as they were.
func TestCompare_KeepsListsWhileTheStoreIsLostAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		goOn := g.cut()
		g.start()
		g.await(w.Revision)
		g.mustList("acme")
		gone := remove(t, g.store, w)
		var down sync.Once
		g.store.update(func(h *hookedStore) {
			h.fail = func(_ context.Context, call, _ string) error {
				if call == "Load" {
					down.Do(g.store.setDown)
					return errDown
				}
				return nil
			}
		})
		goOn()
		time.Sleep(time.Minute)
		g.wantListed("acme", "https://a.example")
		if s := g.State(); s.Up || s.InForce.Revision != w.Revision {
			t.Errorf("without the store: %+v", s)
		}
		g.store.setUp()
		g.await(gone)
		g.wantNotListed("acme", "https://a.example")
	})
}

func TestRevalidate_FindsAChangeThatTheFeedHasDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		dropped := w.Revision + 1
		g.store.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
			return s.Watch(ctx, after, func(all []origins.Change) {
				kept := slices.DeleteFunc(slices.Clone(all), func(c origins.Change) bool { return c.Revision == dropped })
				changed(kept)
			})
		}
		g.start()
		g.await(w.Revision)
		g.mustList("acme")
		remove(t, g.store, w)
		g.await(create(t, g.store, newIntegration("other")).Revision)
		g.wantListed("acme", "https://a.example")
		time.Sleep(35 * time.Second)
		g.wantNotListed("acme", "https://a.example")
		g.wantEvents(lists.ChangeMissed)
		if _, err := g.reportedEvents(); err == nil || !strings.Contains(err.Error(), `"acme"`) {
			t.Errorf("the error does not name the tenant: %v", err)
		}
		g.store.takeCalls()
		time.Sleep(65 * time.Second)
		g.wantCalls("Tenants", "Tenants")
		g.wantEvents(lists.ChangeMissed)
	})
}

// The list may be loaded with the change, or not be cached, and the tenant have
// tunnels that were decided on before.
func TestRevalidate_TellsOfAChangeThatTheFeedHasDropped(t *testing.T) {
	for rule, read := range map[string]bool{"the list was loaded since": true, "the list is not cached": false} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, openStore(t))
				g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
				w := create(t, g.store, newIntegration("acme", "https://a.example"))
				dropped := w.Revision + 1
				g.store.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
					return s.Watch(ctx, after, func(all []origins.Change) {
						changed(slices.DeleteFunc(slices.Clone(all), func(c origins.Change) bool { return c.Revision == dropped }))
					})
				}
				g.start()
				g.await(w.Revision)
				remove(t, g.store, w)
				g.await(create(t, g.store, newIntegration("other")).Revision)
				if read {
					g.wantNotListed("acme", "https://a.example")
				}
				g.takeNotified()
				time.Sleep(35 * time.Second)
				if told := g.takeNotified(); !slices.Equal(told, []string{"acme"}) {
					t.Errorf("notified of %q", told)
				}
				time.Sleep(time.Minute)
				if told := g.takeNotified(); len(told) > 0 {
					t.Errorf("notified again of %q", told)
				}
				g.wantEvents(lists.ChangeMissed)
			})
		})
	}
}

func TestRevalidate_ReadsAnInvalidListWithoutRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		g.start()
		g.mustList("acme")
		synctest.Wait()
		g.Invalidate("acme")
		g.store.takeCalls()
		time.Sleep(time.Minute + time.Second)
		g.wantCalls("Load acme", "Tenants", "Tenants")
		g.wantEvents()
	})
}

func TestRevalidate_ComesAboutAlsoIfTheFeedBreaksMoreOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		g.store.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
			ctx, stop := context.WithTimeout(ctx, 20*time.Second)
			defer stop()
			return s.Watch(ctx, after, changed)
		}
		g.start()
		time.Sleep(10 * time.Minute)
		calls := slices.DeleteFunc(g.store.takeCalls(), func(call string) bool { return call != "Tenants" })
		if len(calls) < 15 {
			t.Errorf("the tenants were asked for %d times", len(calls))
		}
	})
}

// A missed change whose list cannot be read is one piece of news.
func TestRevalidate_ReportsAMissedChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		g.start()
		g.await(create(t, g.store, newIntegration("acme", "https://a.example")).Revision)
		synctest.Wait()
		g.RestoreList("acme", origins.NewList(0, nil), time.Now())
		g.store.update(func(h *hookedStore) {
			h.fail = func(_ context.Context, call, _ string) error {
				if call == "Load" {
					return errDown
				}
				return nil
			}
		})
		time.Sleep(5 * time.Minute)
		g.wantEvents(lists.ChangeMissed, lists.ListsBehind)
		g.store.setUp()
		time.Sleep(2 * time.Second)
		g.wantListed("acme", "https://a.example")
	})
}

// As after a write that the store before had confirmed late, or from a snapshot
// of which the store has lost the end.
func TestRevalidate_FindsWhatTheStoreNeverHad(t *testing.T) {
	late := origins.Part{ID: "late", Revision: 1000, Origins: []string{"https://late.example"}}
	for name, bring := range map[string]func(*gateway){
		"a change": func(g *gateway) {
			g.mustList("acme")
			g.Apply(origins.Change{Tenant: "acme", Part: late})
		},
		"a list": func(g *gateway) {
			g.RestoreList("acme", origins.NewList(1000, []origins.Part{late}), time.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, openStore(t))
				g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
				g.start()
				g.await(create(t, g.store, newIntegration("acme", "https://a.example")).Revision)
				synctest.Wait()
				bring(g)
				g.wantListed("acme", "https://late.example")
				time.Sleep(35 * time.Second)
				g.wantListed("acme", "https://a.example")
				g.wantNotListed("acme", "https://late.example")
				g.wantEvents(lists.ChangeMissed)
			})
		})
	}
}

func TestCatchUp_SaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		broken := errors.New("broken")
		g.preloadWith(func(context.Context) error { return broken })
		if err := g.CatchUp(t.Context()); !errors.Is(err, broken) {
			t.Errorf("unprepared: %v", err)
		}
		broken = nil
		time.Sleep(time.Second) // that a failed load is remembered
		w := create(t, g.store, newIntegration("acme"))
		if err := g.CatchUp(t.Context()); err != nil {
			t.Errorf("CatchUp: %v", err)
		}
		g.start()
		g.await(w.Revision)
		synctest.Wait()
		g.wantCalls("Tenants", "Tenants", "Watch")
	})
}
