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

// interruptFeed makes the next feeds hang until resume is called; the first one
// then fails because its history is compacted.
func (g *gateway) interruptFeed() (resume func()) {
	hold := make(chan struct{})
	g.store.update(func(h *hookedStore) {
		h.watch = func(_ store.Store, ctx context.Context, _ uint64, _ func([]origins.Change)) error {
			select {
			case <-hold:
			case <-ctx.Done():
				return ctx.Err()
			}
			g.store.update(func(h *hookedStore) { h.watch = nil })
			return store.ErrFeedGap
		}
	})
	return func() { close(hold) }
}

func TestCompare_ReloadsChangedLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		changed := create(t, g.store, newIntegration("changed", "https://a.example"))
		emptied := create(t, g.store, newIntegration("emptied", "https://a.example"))
		last := create(t, g.store, newIntegration("same", "https://a.example"))
		evicted := create(t, g.store, newIntegration("never cached", "https://a.example"))
		resume := g.interruptFeed()
		g.start()
		g.await(evicted.Revision)
		for _, tenant := range []string{"changed", "emptied", "same"} {
			g.mustList(tenant)
		}
		g.store.takeCalls()
		g.takeNotified()
		edit(t, g.store, changed, "https://b.example")
		remove(t, g.store, evicted)
		deleted := remove(t, g.store, emptied)
		resume()
		g.await(deleted)
		g.wantCalls("Load changed", "Load emptied", "Tenants", "Watch")
		if notified := g.takeNotified(); !slices.Equal(notified, []string{"changed", "emptied", "never cached"}) {
			t.Errorf("notified of %q, want changed, emptied and never cached", notified)
		}
		g.wantListed("changed", "https://b.example")
		g.wantNotListed("changed", "https://a.example")
		g.wantNotListed("emptied", "https://a.example")
		g.wantListed("same", "https://a.example")
		g.wantEvents(lists.FeedBroken)
		// A late change must not restore the origin.
		g.Apply(emptied.Change())
		g.wantNotListed("emptied", "https://a.example")
		g.await(edit(t, g.store, last, "https://c.example").Revision)
		g.wantListed("same", "https://c.example")
	})
}

// A list that is being loaded during the comparison may be older than it.
func TestCompare_ReloadsListThatWasLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		resume := g.interruptFeed()
		g.start()
		g.await(w.Revision)
		reading, read := make(chan struct{}), make(chan struct{})
		is := g.store.Store
		g.store.update(func(h *hookedStore) { h.Store = slowStore{is, reading, read} })
		go g.List(context.Background(), "acme")
		<-reading
		g.store.update(func(h *hookedStore) { h.Store = is })
		deleted := remove(t, g.store, w)
		resume()
		g.await(deleted)
		close(read)
		g.wantNotListed("acme", "https://a.example")
	})
}

// A list that cannot be loaded delays the revision in force, but not the other
// lists or the feed.
func TestCompare_ContinuesIfOneListCannotBeLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		bad := create(t, g.store, newIntegration("bad", "https://a.example"))
		good := create(t, g.store, newIntegration("good", "https://a.example"))
		resume := g.interruptFeed()
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
		resume()
		time.Sleep(time.Minute)
		confirmed := g.State().Confirmed
		g.wantListed("good", "https://b.example")
		deleted := remove(t, g.store, good)
		time.Sleep(time.Minute)
		g.wantNotListed("good", "https://b.example")
		g.wantListed("bad", "https://a.example") // served as before
		if s := g.State(); s.InForce.Revision != good.Revision || s.Confirmed != confirmed || !s.Up || s.Newest != deleted {
			t.Errorf("state with a list that cannot be loaded: %+v", s)
		}
		g.store.setUp()
		g.await(deleted)
		g.wantListed("bad", "https://b.example")
		g.wantNotListed("bad", "https://a.example")
		g.wantEvents(lists.FeedBroken, lists.ListsBehind)
	})
}

// If the store becomes unavailable while lists are reloaded, the old lists are
// served.
func TestCompare_KeepsListsIfStoreBecomesUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		resume := g.interruptFeed()
		g.start()
		g.await(w.Revision)
		g.mustList("acme")
		deleted := remove(t, g.store, w)
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
		resume()
		time.Sleep(time.Minute)
		g.wantListed("acme", "https://a.example")
		if s := g.State(); s.Up || s.InForce.Revision != w.Revision {
			t.Errorf("state without the store: %+v", s)
		}
		g.store.setUp()
		g.await(deleted)
		g.wantNotListed("acme", "https://a.example")
	})
}

func TestRevalidate_DetectsChangeMissedByFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		w := create(t, g.store, newIntegration("acme", "https://a.example"))
		dropped := w.Revision + 1
		g.store.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
			return s.Watch(ctx, after, func(all []origins.Change) {
				delivered := slices.DeleteFunc(slices.Clone(all), func(c origins.Change) bool { return c.Revision == dropped })
				changed(delivered)
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
			t.Errorf("error %v does not name the tenant", err)
		}
		g.store.takeCalls()
		time.Sleep(65 * time.Second)
		g.wantCalls("Tenants", "Tenants")
		g.wantEvents(lists.ChangeMissed)
	})
}

// The tenant may have tunnels that were decided before the change, even if the
// list was loaded with it or is not cached.
func TestRevalidate_NotifiesOfChangeMissedByFeed(t *testing.T) {
	for rule, read := range map[string]bool{"list loaded since": true, "list not cached": false} {
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
				if notified := g.takeNotified(); !slices.Equal(notified, []string{"acme"}) {
					t.Errorf("notified of %q, want acme", notified)
				}
				time.Sleep(time.Minute)
				if notified := g.takeNotified(); len(notified) > 0 {
					t.Errorf("notified again of %q", notified)
				}
				g.wantEvents(lists.ChangeMissed)
			})
		})
	}
}

func TestRevalidate_ReloadsInvalidListWithoutRequests(t *testing.T) {
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

func TestRevalidate_RunsEvenIfFeedBreaksMoreOften(t *testing.T) {
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
			t.Errorf("Tenants was called %d times, want at least 15", len(calls))
		}
	})
}

// A missed change is reported once even if its list cannot be loaded.
func TestRevalidate_ReportsMissedChangeOnce(t *testing.T) {
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

// This happens after a late confirmation by an old store, or if the store lost its
// last commits after a snapshot.
func TestRevalidate_DetectsDataThatStoreNeverHad(t *testing.T) {
	late := origins.Part{ID: "late", Revision: 1000, Origins: []string{"https://late.example"}}
	for name, add := range map[string]func(*gateway){
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
				add(g)
				g.wantListed("acme", "https://late.example")
				time.Sleep(35 * time.Second)
				g.wantListed("acme", "https://a.example")
				g.wantNotListed("acme", "https://late.example")
				g.wantEvents(lists.ChangeMissed)
			})
		})
	}
}

func TestCatchUp_ReturnsPreloadError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		broken := errors.New("broken")
		g.preloadWith(func(context.Context) error { return broken })
		if err := g.CatchUp(t.Context()); !errors.Is(err, broken) {
			t.Errorf("CatchUp with a failing preload: %v", err)
		}
		broken = nil
		time.Sleep(time.Second) // until the failed load is forgotten
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
