package lists_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

var errNoAnswer = errors.New("the store is unreachable")

// writeWithoutAnswer makes a write whose outcome nobody knows.
func (g *gateway) writeWithoutAnswer(write func(ctx context.Context) (origins.Change, error)) {
	g.t.Helper()
	err := g.Write(g.t.Context(), "acme", func(ctx context.Context) (origins.Change, error) {
		if _, err := write(ctx); err != nil {
			g.t.Error(err)
		}
		return origins.Change{}, errNoAnswer
	})
	if !errors.Is(err, errNoAnswer) {
		g.t.Errorf("Write: %v", err)
	}
}

// It takes no request: the tenant may have nothing but tunnels.
func TestRun_ReadsAnInvalidListUntilItCouldBeRead(t *testing.T) {
	for rule, evict := range map[string]bool{"the list is cached": false, "it is evicted meanwhile": true} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, openStore(t))
				g.Configure(func(config *lists.Config) { config.Bounds.Origins = 1 })
				create(t, g.store, newIntegration("acme", "https://a.example"))
				g.await(create(t, g.start().store, newIntegration("other", "https://o.example")).Revision)
				g.mustList("acme")
				g.store.setDown()
				g.writeWithoutAnswer(func(context.Context) (change origins.Change, _ error) { return change, nil })
				time.Sleep(10*time.Second + 10*time.Millisecond) // when nothing else is due
				g.wantListed("acme", "https://a.example")        // served until it could be read
				synctest.Wait()
				g.takeNotified()
				g.store.takeCalls()
				g.store.setUp()
				if evict {
					g.mustList("other")
				}
				time.Sleep(5 * time.Second)
				if told := g.takeNotified(); !slices.Equal(told, []string{"acme"}) || g.IsInvalid("acme") {
					t.Errorf("notified of %q, invalid %v", told, g.IsInvalid("acme"))
				}
				if calls := g.store.takeCalls(); slices.Contains(calls, "Load acme") == evict {
					t.Errorf("calls of the store: %q", calls)
				}
			})
		})
	}
}

func TestWrite_OfUnknownOutcomeIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t)).start()
		g.await(create(t, g.store, newIntegration("acme", "https://a.example")).Revision)
		g.mustList("acme")
		synctest.Wait()
		g.store.takeCalls()
		g.writeWithoutAnswer(func(context.Context) (change origins.Change, _ error) { return change, nil })
		synctest.Wait() // while no time passes, and nobody asks
		g.wantCalls("Load acme")
	})
}

// Whoever was let in by a list that is too old has to be decided on again, also
// if the list is not cached.
func TestRun_NotifiesOfAllTenantsWhileListsAreStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t))
		create(t, g.store, newIntegration("acme", "https://a.example"))
		g.Configure(func(config *lists.Config) {
			config.MaxStaleness = time.Minute
			config.Tenants = func() []string { return []string{"acme", "other"} }
		})
		g.start()
		time.Sleep(10 * time.Second)
		g.store.setDown()
		g.takeNotified()
		time.Sleep(50 * time.Second)
		if told := g.takeNotified(); len(told) > 0 {
			t.Errorf("notified of %q before any list is stale", told)
		}
		time.Sleep(20 * time.Second)
		if told := g.takeNotified(); !slices.Equal(told, []string{"acme", "other"}) {
			t.Errorf("notified of %q", told)
		}
	})
}

// The write that a store without space refuses changes nothing.
func TestWrite_OfKnownOutcomeLeavesTheList(t *testing.T) {
	for rule, err := range map[string]error{
		"not made":  &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errDown},
		"not found": store.ErrNotFound,
		"exists":    store.ErrExists,
		"limited":   &store.LimitError{What: store.LimitOrigins, Max: 1},
		"refused":   refusal{},
	} {
		g := newGateway(t, openStore(t))
		g.mustList("acme")
		if got := g.Write(t.Context(), "acme", func(context.Context) (origins.Change, error) { return origins.Change{}, err }); !errors.Is(got, err) {
			t.Errorf("%s: %v", rule, got)
		}
		if told := g.takeNotified(); g.IsInvalid("acme") || len(told) > 0 {
			t.Errorf("%s: the list is read again: %v, told of %q", rule, g.IsInvalid("acme"), told)
		}
	}
}

type refusal struct{}

func (refusal) Error() string { return "refused" }
func (refusal) RejectsWrite() {}

// The store was accepted, and the list loaded, between the beginning of the
// write and its commit.
func TestWrite_IsInForceAlsoIfTheStoreWasAcceptedMeanwhile(t *testing.T) {
	old, other := openStore(t), openStore(t)
	w := create(t, other, newIntegration("acme", "https://revoked.example"))
	create(t, old, newIntegration("acme", "https://old.example"))
	g := newGateway(t, old)
	if err := g.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.store.update(func(h *hookedStore) { h.Store = other })
	err := g.Write(t.Context(), "acme", func(ctx context.Context) (origins.Change, error) {
		if _, err := g.Accept(ctx); err != nil {
			return origins.Change{}, err
		}
		g.wantListed("acme", "https://revoked.example")
		edited := edit(t, other, w, "https://stays.example")
		return edited.Change(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	g.wantNotListed("acme", "https://revoked.example")
}

func TestRun_ReadsAnInvalidListAlsoWithoutAFeed(t *testing.T) {
	for rule, watch := range map[string]func(store.Store, context.Context, uint64, func([]origins.Change)) error{
		"it is silent": func(_ store.Store, ctx context.Context, _ uint64, _ func([]origins.Change)) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"it fails": func(store.Store, context.Context, uint64, func([]origins.Change)) error { return errDown },
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, openStore(t))
				w := create(t, g.store, newIntegration("acme", "https://revoked.example"))
				if err := g.CatchUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				g.mustList("acme")
				g.store.watch = watch
				g.start()
				create(t, g.store.Store, newIntegration("other", "https://o.example")) // of which the feed does not tell
				time.Sleep(5 * time.Second)
				g.writeWithoutAnswer(func(context.Context) (origins.Change, error) {
					edited := edit(t, g.store.Store, w, "https://stays.example")
					return edited.Change(), nil
				})
				g.takeNotified()
				time.Sleep(5 * time.Second)
				if told := g.takeNotified(); !slices.Contains(told, "acme") || g.IsInvalid("acme") {
					t.Errorf("notified of %q, invalid %v", told, g.IsInvalid("acme"))
				}
			})
		})
	}
}

// Lists that cannot be read keep no others from being loaded.
func TestPreload_LoadsWhatCanBeRead(t *testing.T) {
	g := newGateway(t, openStore(t))
	create(t, g.store, newIntegration("good", "https://a.example"))
	var tenants []string
	for i := range 60 {
		tenants = append(tenants, fmt.Sprint("broken-", i))
	}
	tenants = append(tenants, "good")
	g.Configure(func(config *lists.Config) { config.Tenants = func() []string { return tenants } })
	g.store.fail = func(_ context.Context, call, tenant string) error {
		if call == "Load" && tenant != "good" {
			return errors.New("broken")
		}
		return nil
	}
	if err := g.Preload(t.Context()); err == nil {
		t.Error("it tells of no list that could not be read")
	}
	if _, _, cached := g.Peek("good"); !cached || !g.State().Loaded {
		t.Errorf("the list is cached: %v, there are lists: %v", cached, g.State().Loaded)
	}
}
