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
	g.hooked.set(func(h *hooked) {
		h.watch = func(_ store.Store, ctx context.Context, _ uint64, _ func([]origins.Change)) error {
			select {
			case <-hold:
			case <-ctx.Done():
				return ctx.Err()
			}
			g.hooked.set(func(h *hooked) { h.watch = nil })
			return store.ErrCompacted
		}
	})
	return func() { close(hold) }
}

func TestCompare_ReadsAnewWhatHasChangedSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		changed := create(t, g.hooked, entry("changed", "https://a.example"))
		emptied := create(t, g.hooked, entry("emptied", "https://a.example"))
		last := create(t, g.hooked, entry("same", "https://a.example"))
		evicted := create(t, g.hooked, entry("never cached", "https://a.example"))
		goOn := g.cut()
		g.follow()
		g.await(evicted.Revision)
		for _, tenant := range []string{"changed", "emptied", "same"} {
			g.list(tenant)
		}
		g.hooked.takeCalls()
		g.takeChanged()
		edit(t, g.hooked, changed, "https://b.example")
		remove(t, g.hooked, evicted)
		gone := remove(t, g.hooked, emptied)
		goOn()
		g.await(gone)
		g.wantCalls("Load changed", "Load emptied", "Tenants", "Watch")
		if told := g.takeChanged(); !slices.Equal(told, []string{"changed", "emptied", "never cached"}) {
			t.Errorf("told of %q", told)
		}
		g.wantListed("changed", "https://b.example")
		g.wantGone("changed", "https://a.example")
		g.wantGone("emptied", "https://a.example")
		g.wantListed("same", "https://a.example")
		g.wantEvents(lists.FeedBroken)
		// A change that comes late brings nothing back.
		g.Apply(emptied.Change())
		g.wantGone("emptied", "https://a.example")
		g.await(edit(t, g.hooked, last, "https://c.example").Revision)
		g.wantListed("same", "https://c.example")
	})
}

// A list that is being read when the feed is compared may be older than that.
func TestCompare_ReadsAListAgainThatWasBeingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		w := create(t, g.hooked, entry("acme", "https://a.example"))
		goOn := g.cut()
		g.follow()
		g.await(w.Revision)
		reading, read := make(chan struct{}), make(chan struct{})
		is := g.hooked.Store
		g.hooked.set(func(h *hooked) { h.Store = slow{is, reading, read} })
		go g.List(context.Background(), "acme")
		<-reading
		g.hooked.set(func(h *hooked) { h.Store = is })
		gone := remove(t, g.hooked, w)
		goOn()
		g.await(gone)
		close(read)
		g.wantGone("acme", "https://a.example")
	})
}

// One list that cannot be read holds the revision in force back, but neither
// the other lists nor the feed.
func TestCompare_GoesOnBesideAListThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		bad := create(t, g.hooked, entry("bad", "https://a.example"))
		good := create(t, g.hooked, entry("good", "https://a.example"))
		goOn := g.cut()
		g.follow()
		g.await(good.Revision)
		g.list("bad")
		g.list("good")
		g.hooked.set(func(h *hooked) {
			h.fail = func(_ context.Context, call, tenant string) error {
				if call == "Load" && tenant == "bad" {
					return errDown
				}
				return nil
			}
		})
		edit(t, g.hooked, bad, "https://b.example")
		edit(t, g.hooked, good, "https://b.example")
		goOn()
		time.Sleep(time.Minute)
		confirmed := g.State().Confirmed
		g.wantListed("good", "https://b.example")
		gone := remove(t, g.hooked, good)
		time.Sleep(time.Minute)
		g.wantGone("good", "https://b.example")
		g.wantListed("bad", "https://a.example") // served as before
		if s := g.State(); s.InForce.Revision != good.Revision || s.Confirmed != confirmed || !s.Up || s.Newest != gone {
			t.Errorf("with a list that cannot be read: %+v", s)
		}
		g.hooked.up()
		g.await(gone)
		g.wantListed("bad", "https://b.example")
		g.wantGone("bad", "https://a.example")
		g.wantEvents(lists.FeedBroken, lists.ListsBehind)
	})
}

// A store that is lost while lists are read anew leaves them as they were.
func TestCompare_KeepsListsWhileTheStoreIsLostAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		w := create(t, g.hooked, entry("acme", "https://a.example"))
		goOn := g.cut()
		g.follow()
		g.await(w.Revision)
		g.list("acme")
		gone := remove(t, g.hooked, w)
		var down sync.Once
		g.hooked.set(func(h *hooked) {
			h.fail = func(_ context.Context, call, _ string) error {
				if call == "Load" {
					down.Do(g.hooked.down)
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
		g.hooked.up()
		g.await(gone)
		g.wantGone("acme", "https://a.example")
	})
}

func TestRevalidate_FindsAChangeThatTheFeedHasDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		w := create(t, g.hooked, entry("acme", "https://a.example"))
		dropped := w.Revision + 1
		g.hooked.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
			return s.Watch(ctx, after, func(all []origins.Change) {
				kept := slices.DeleteFunc(slices.Clone(all), func(c origins.Change) bool { return c.Revision == dropped })
				changed(kept)
			})
		}
		g.follow()
		g.await(w.Revision)
		g.list("acme")
		remove(t, g.hooked, w)
		g.await(create(t, g.hooked, entry("other")).Revision)
		g.wantListed("acme", "https://a.example")
		time.Sleep(35 * time.Second)
		g.wantGone("acme", "https://a.example")
		g.wantEvents(lists.ChangeMissed)
		if _, err := g.reported(); err == nil || !strings.Contains(err.Error(), `"acme"`) {
			t.Errorf("the error does not name the tenant: %v", err)
		}
		g.hooked.takeCalls()
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
				g := newGateway(t, engine(t))
				g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
				w := create(t, g.hooked, entry("acme", "https://a.example"))
				dropped := w.Revision + 1
				g.hooked.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
					return s.Watch(ctx, after, func(all []origins.Change) {
						changed(slices.DeleteFunc(slices.Clone(all), func(c origins.Change) bool { return c.Revision == dropped }))
					})
				}
				g.follow()
				g.await(w.Revision)
				remove(t, g.hooked, w)
				g.await(create(t, g.hooked, entry("other")).Revision)
				if read {
					g.wantGone("acme", "https://a.example")
				}
				g.takeChanged()
				time.Sleep(35 * time.Second)
				if told := g.takeChanged(); !slices.Equal(told, []string{"acme"}) {
					t.Errorf("told of %q", told)
				}
				time.Sleep(time.Minute)
				if told := g.takeChanged(); len(told) > 0 {
					t.Errorf("told once more of %q", told)
				}
				g.wantEvents(lists.ChangeMissed)
			})
		})
	}
}

func TestRevalidate_ReadsAnInvalidListWithoutRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		g.follow()
		g.list("acme")
		synctest.Wait()
		g.Invalidate("acme")
		g.hooked.takeCalls()
		time.Sleep(time.Minute + time.Second)
		g.wantCalls("Load acme", "Tenants", "Tenants")
		g.wantEvents()
	})
}

func TestRevalidate_ComesAboutAlsoIfTheFeedBreaksMoreOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		g.hooked.watch = func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error {
			ctx, stop := context.WithTimeout(ctx, 20*time.Second)
			defer stop()
			return s.Watch(ctx, after, changed)
		}
		g.follow()
		time.Sleep(10 * time.Minute)
		calls := slices.DeleteFunc(g.hooked.takeCalls(), func(call string) bool { return call != "Tenants" })
		if len(calls) < 15 {
			t.Errorf("the tenants were asked for %d times", len(calls))
		}
	})
}

// A missed change whose list cannot be read is one piece of news.
func TestRevalidate_ReportsAMissedChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
		g.follow()
		g.await(create(t, g.hooked, entry("acme", "https://a.example")).Revision)
		synctest.Wait()
		g.RestoreList("acme", origins.NewList(0, nil), time.Now())
		g.hooked.set(func(h *hooked) {
			h.fail = func(_ context.Context, call, _ string) error {
				if call == "Load" {
					return errDown
				}
				return nil
			}
		})
		time.Sleep(5 * time.Minute)
		g.wantEvents(lists.ChangeMissed, lists.ListsBehind)
		g.hooked.up()
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
			g.list("acme")
			g.Apply(origins.Change{Tenant: "acme", Part: late})
		},
		"a list": func(g *gateway) {
			g.RestoreList("acme", origins.NewList(1000, []origins.Part{late}), time.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, engine(t))
				g.Configure(func(config *lists.Config) { config.Revalidate = 30 * time.Second })
				g.follow()
				g.await(create(t, g.hooked, entry("acme", "https://a.example")).Revision)
				synctest.Wait()
				bring(g)
				g.wantListed("acme", "https://late.example")
				time.Sleep(35 * time.Second)
				g.wantListed("acme", "https://a.example")
				g.wantGone("acme", "https://late.example")
				g.wantEvents(lists.ChangeMissed)
			})
		})
	}
}

func TestCatchUp_SaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		broken := errors.New("broken")
		g.preloads(func(context.Context) error { return broken })
		if err := g.CatchUp(t.Context()); !errors.Is(err, broken) {
			t.Errorf("unprepared: %v", err)
		}
		broken = nil
		time.Sleep(time.Second) // that a failed load is remembered
		w := create(t, g.hooked, entry("acme"))
		if err := g.CatchUp(t.Context()); err != nil {
			t.Errorf("CatchUp: %v", err)
		}
		g.follow()
		g.await(w.Revision)
		synctest.Wait()
		g.wantCalls("Tenants", "Tenants", "Watch")
	})
}
