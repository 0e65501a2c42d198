package lists_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

var errNoAnswer = errors.New("the store does not answer")

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

func deletion(s store.Store, w store.WebIntegration) func(context.Context) (origins.Change, error) {
	return func(ctx context.Context) (origins.Change, error) {
		revision, err := s.Delete(ctx, w.TenantID, w.ID, func(store.WebIntegration) error { return nil })
		return store.Deletion(w.TenantID, w.ID, revision), err
	}
}

// It takes no request: the tenant may have nothing but tunnels.
func TestRun_ReadsAnInvalidListUntilItCouldBeRead(t *testing.T) {
	for rule, evict := range map[string]bool{"the list is cached": false, "it is evicted meanwhile": true} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, engine(t))
				g.Configure(func(config *lists.Config) { config.Bounds.Origins = 1 })
				create(t, g.hooked, entry("acme", "https://a.example"))
				g.await(create(t, g.follow().hooked, entry("other", "https://o.example")).Revision)
				g.list("acme")
				g.hooked.down()
				g.writeWithoutAnswer(func(context.Context) (change origins.Change, _ error) { return change, nil })
				time.Sleep(10 * time.Second)
				g.wantListed("acme", "https://a.example") // served until it could be read
				g.hooked.up()
				if evict {
					g.list("other")
				}
				g.takeChanged()
				g.hooked.takeCalls()
				time.Sleep(5 * time.Second)
				if told := g.takeChanged(); !slices.Equal(told, []string{"acme"}) || g.IsInvalid("acme") {
					t.Errorf("told of %q, still invalid: %v", told, g.IsInvalid("acme"))
				}
				if calls := g.hooked.takeCalls(); slices.Contains(calls, "Load acme") == evict {
					t.Errorf("calls of the store: %q", calls)
				}
			})
		})
	}
}

func TestWrite_OfUnknownOutcomeIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t)).follow()
		w := create(t, g.hooked, entry("acme", "https://a.example"))
		g.await(w.Revision)
		g.list("acme")
		synctest.Wait()
		began := time.Now()
		g.writeWithoutAnswer(deletion(g.hooked.Store, w))
		synctest.Wait()
		g.wantGone("acme", "https://a.example")
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// Whoever was let in by a list that is too old has to be decided on again, also
// if the list is not cached.
func TestRun_NotifiesOfAllTenantsWhileListsAreStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, engine(t))
		create(t, g.hooked, entry("acme", "https://a.example"))
		g.Configure(func(config *lists.Config) {
			config.MaxStaleness = time.Minute
			config.Tenants = func() []string { return []string{"acme", "other"} }
		})
		g.follow()
		time.Sleep(10 * time.Second)
		g.hooked.down()
		g.takeChanged()
		time.Sleep(50 * time.Second)
		if told := g.takeChanged(); len(told) > 0 {
			t.Errorf("told of %q while no list is stale", told)
		}
		time.Sleep(20 * time.Second)
		if told := g.takeChanged(); !slices.Equal(told, []string{"acme", "other"}) {
			t.Errorf("told of %q", told)
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
		g := newGateway(t, engine(t))
		g.list("acme")
		if got := g.Write(t.Context(), "acme", func(context.Context) (origins.Change, error) { return origins.Change{}, err }); !errors.Is(got, err) {
			t.Errorf("%s: %v", rule, got)
		}
		if told := g.takeChanged(); g.IsInvalid("acme") || len(told) > 0 {
			t.Errorf("%s: the list is read again: %v, told of %q", rule, g.IsInvalid("acme"), told)
		}
	}
}

type refusal struct{}

func (refusal) Error() string { return "refused" }
func (refusal) RefusesWrite() {}
