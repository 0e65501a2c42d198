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

var errNoResponse = errors.New("the store is unreachable")

// writeWithUnknownOutcome makes a write whose result is lost.
func (g *gateway) writeWithUnknownOutcome(write func(ctx context.Context) (origins.Change, error)) {
	g.t.Helper()
	err := g.Write(g.t.Context(), "acme", func(ctx context.Context) (origins.Change, error) {
		if _, err := write(ctx); err != nil {
			g.t.Error(err)
		}
		return origins.Change{}, errNoResponse
	})
	if !errors.Is(err, errNoResponse) {
		g.t.Errorf("Write: %v", err)
	}
}

// No request is needed, because the tenant may only have tunnels.
func TestRun_RetriesInvalidList(t *testing.T) {
	for rule, evict := range map[string]bool{"cached": false, "evicted meanwhile": true} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, openStore(t))
				g.Configure(func(config *lists.Config) { config.Bounds.Origins = 1 })
				create(t, g.store, newIntegration("acme", "https://a.example"))
				g.await(create(t, g.start().store, newIntegration("other", "https://o.example")).Revision)
				g.mustList("acme")
				g.store.setDown()
				g.writeWithUnknownOutcome(func(context.Context) (change origins.Change, _ error) { return change, nil })
				time.Sleep(10*time.Second + 10*time.Millisecond) // no other timer is due then
				g.wantListed("acme", "https://a.example")        // served until reloaded
				synctest.Wait()
				g.takeNotified()
				g.store.takeCalls()
				g.store.setUp()
				if evict {
					g.mustList("other")
				}
				time.Sleep(5 * time.Second)
				if notified := g.takeNotified(); !slices.Equal(notified, []string{"acme"}) || g.IsInvalid("acme") {
					t.Errorf("notified of %q, invalid %v", notified, g.IsInvalid("acme"))
				}
				if calls := g.store.takeCalls(); slices.Contains(calls, "Load acme") == evict {
					t.Errorf("store calls %q", calls)
				}
			})
		})
	}
}

func TestWrite_ReloadsListAtOnceIfOutcomeIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, openStore(t)).start()
		g.await(create(t, g.store, newIntegration("acme", "https://a.example")).Revision)
		g.mustList("acme")
		synctest.Wait()
		g.store.takeCalls()
		g.writeWithUnknownOutcome(func(context.Context) (change origins.Change, _ error) { return change, nil })
		synctest.Wait() // no time passes and no request is made
		g.wantCalls("Load acme")
	})
}

// Tunnels that were accepted by a list that is now stale have to be decided again,
// even if the list is not cached.
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
		if notified := g.takeNotified(); len(notified) > 0 {
			t.Errorf("notified of %q before any list is stale", notified)
		}
		time.Sleep(20 * time.Second)
		if notified := g.takeNotified(); !slices.Equal(notified, []string{"acme", "other"}) {
			t.Errorf("notified of %q, want acme and other", notified)
		}
	})
}

// A write that the store or the caller refused changes nothing.
func TestWrite_KeepsListIfWriteFailed(t *testing.T) {
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
			t.Errorf("%s: Write returned %v, want %v", rule, got, err)
		}
		if notified := g.takeNotified(); g.IsInvalid("acme") || len(notified) > 0 {
			t.Errorf("%s: the list is invalid: %v, notified of %q", rule, g.IsInvalid("acme"), notified)
		}
	}
}

type refusal struct{}

func (refusal) Error() string { return "refused" }
func (refusal) RejectsWrite() {}

// The store is accepted and the list loaded between the start of the write and its
// commit.
func TestWrite_AppliesChangeIfStoreWasAcceptedMeanwhile(t *testing.T) {
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

func TestRun_ReloadsInvalidListWithoutFeed(t *testing.T) {
	for rule, watch := range map[string]func(store.Store, context.Context, uint64, func([]origins.Change)) error{
		"silent feed": func(_ store.Store, ctx context.Context, _ uint64, _ func([]origins.Change)) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"failing feed": func(store.Store, context.Context, uint64, func([]origins.Change)) error { return errDown },
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
				create(t, g.store.Store, newIntegration("other", "https://o.example")) // the feed does not deliver it
				time.Sleep(5 * time.Second)
				g.writeWithUnknownOutcome(func(context.Context) (origins.Change, error) {
					edited := edit(t, g.store.Store, w, "https://stays.example")
					return edited.Change(), nil
				})
				g.takeNotified()
				time.Sleep(5 * time.Second)
				if notified := g.takeNotified(); !slices.Contains(notified, "acme") || g.IsInvalid("acme") {
					t.Errorf("notified of %q, invalid %v", notified, g.IsInvalid("acme"))
				}
			})
		})
	}
}

// Lists that cannot be loaded do not prevent the load of others.
func TestPreload_LoadsOtherListsIfSomeFail(t *testing.T) {
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
		t.Error("Preload returned no error for the lists that cannot be loaded")
	}
	if _, _, cached := g.Peek("good"); !cached || !g.State().Loaded {
		t.Errorf("list cached %v, lists loaded %v", cached, g.State().Loaded)
	}
}
