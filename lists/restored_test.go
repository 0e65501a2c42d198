package lists_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

// What a backup that was restored has in their place may have the same revisions.
func TestRestored_ReadsAllListsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, w := snapshotted(t)
		g := restored(t, before)
		g.preloadWith(func(context.Context) error { return nil })
		gone := remove(t, g.store, w)
		g.start()
		g.await(gone)
		g.wantNotListed("acme", "https://a.example")
		g.wantListed("other", "https://o.example")
		g.wantCalls("Load acme", "Load other", "Tenants", "Watch")
		g.wantEvents(lists.ListsLoaded)
	})
}

func TestRestored_ComparesIfTheFeedDoesNotReachSoFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, w := snapshotted(t)
		g := restored(t, before)
		gone := remove(t, g.store, w)
		g.cut()()
		g.start()
		g.await(gone)
		g.wantNotListed("acme", "https://a.example")
		g.wantListed("other", "https://o.example")
		synctest.Wait() // the lists were read before the feed began
		g.wantEvents(lists.FeedBroken)
	})
}

func TestRestored_IsServedUntilTheStoreIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, _ := snapshotted(t)
		g := restored(t, before)
		g.store.setDown()
		g.start()
		time.Sleep(time.Hour)
		g.wantListed("acme", "https://a.example")
		if s := g.State(); s.InForce != before.State().InForce || !s.Confirmed.Equal(before.State().Confirmed) || s.Up {
			t.Errorf("restored: %+v, was %+v", s, before.State())
		}
	})
}

// What was revoked since is not served for a moment where the store can be had.
func TestRestored_CatchesUpBeforeAnythingIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, w := snapshotted(t)
		g := restored(t, before)
		gone := remove(t, g.store, w)
		g.preloadWith(func(context.Context) error { return nil })
		if err := g.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.wantNotListed("acme", "https://a.example")
		g.wantListed("other", "https://o.example")
		if s := g.State(); s.InForce.Revision != gone {
			t.Errorf("in force is %d, want %d", s.InForce.Revision, gone)
		}
	})
}

// Tunnels may have been opened by a list that is put out before the store is
// reached, and the store have others by then.
func TestRestored_TellsOfAllTenantsOnceTheStoreIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, _ := snapshotted(t)
		for rule, s := range map[string]store.Store{"the same store": before.store.Store, "an empty store": openStore(t)} {
			before.store.Store = s
			g := restored(t, before)
			g.Configure(func(config *lists.Config) { config.AcceptReset = true })
			g.store.setDown()
			g.start()
			time.Sleep(time.Minute)
			g.takeNotified()
			for i := range 100 { // as many as there may be
				g.RestoreList(fmt.Sprint("tenant-", i), origins.NewList(0, nil), time.Now())
			}
			g.store.setUp()
			time.Sleep(time.Minute)
			told := g.takeNotified()
			for _, tenant := range []string{"acme", "other"} {
				if !slices.Contains(told, tenant) {
					t.Errorf("%s: not told of %s", rule, tenant)
				}
			}
			g.stop()
		}
	})
}

// snapshotted is a gateway that has followed a store and stopped.
func snapshotted(t *testing.T) (*gateway, store.WebIntegration) {
	g := newGateway(t, openStore(t)).start()
	w := create(t, g.store, newIntegration("acme", "https://a.example"))
	g.await(create(t, g.store, newIntegration("other", "https://o.example")).Revision)
	g.mustList("acme")
	g.mustList("other")
	time.Sleep(beat)
	g.stop()
	return g, w
}

// beat is how often a cache asks the store for its position.
const beat = time.Second

// restored is a gateway that begins with the lists of the one before.
func restored(t *testing.T, before *gateway) *gateway {
	g := newGateway(t, before.store.Store)
	s := before.State()
	kept := &lists.Snapshot{At: s.InForce, Confirmed: s.Confirmed, Lists: map[string]*origins.List{}}
	for _, tenant := range before.Tenants() {
		l, _, _ := before.Peek(tenant)
		kept.Lists[tenant] = origins.RestoreList(l.CompleteTo(), slices.Collect(l.Changes(tenant)))
	}
	g.Restore(kept)
	return g
}
