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

// Lists of a restored backup may have the same revisions, so all are reloaded.
func TestRestore_ReloadsAllLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, w := newStoppedGateway(t)
		g := newRestoredGateway(t, before)
		g.preloadWith(func(context.Context) error { return nil })
		deleted := remove(t, g.store, w)
		g.start()
		g.await(deleted)
		g.wantNotListed("acme", "https://a.example")
		g.wantListed("other", "https://o.example")
		g.wantCalls("Load acme", "Load other", "Tenants", "Watch")
		g.wantEvents(lists.ListsLoaded)
	})
}

func TestRestore_ComparesIfFeedHistoryIsCompacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, w := newStoppedGateway(t)
		g := newRestoredGateway(t, before)
		deleted := remove(t, g.store, w)
		g.interruptFeed()()
		g.start()
		g.await(deleted)
		g.wantNotListed("acme", "https://a.example")
		g.wantListed("other", "https://o.example")
		synctest.Wait() // the lists are loaded before the feed begins
		g.wantEvents(lists.FeedBroken)
	})
}

func TestRestore_ServesListsUntilStoreIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, _ := newStoppedGateway(t)
		g := newRestoredGateway(t, before)
		g.store.setDown()
		g.start()
		time.Sleep(time.Hour)
		g.wantListed("acme", "https://a.example")
		if s := g.State(); s.InForce != before.State().InForce || !s.Confirmed.Equal(before.State().Confirmed) || s.Up {
			t.Errorf("state after restoring %+v, before %+v", s, before.State())
		}
	})
}

// If the store is reachable, an origin that was revoked since is never served.
func TestRestore_CatchesUpBeforeServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, w := newStoppedGateway(t)
		g := newRestoredGateway(t, before)
		deleted := remove(t, g.store, w)
		g.preloadWith(func(context.Context) error { return nil })
		if err := g.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.wantNotListed("acme", "https://a.example")
		g.wantListed("other", "https://o.example")
		if s := g.State(); s.InForce.Revision != deleted {
			t.Errorf("revision %d is in force, want %d", s.InForce.Revision, deleted)
		}
	})
}

// Tunnels may have been accepted by a restored list that is evicted before the
// store is reached, and the list in the store may differ.
func TestRestore_NotifiesOfAllTenantsOnceStoreIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, _ := newStoppedGateway(t)
		for rule, s := range map[string]store.Store{"same store": before.store.Store, "empty store": openStore(t)} {
			before.store.Store = s
			g := newRestoredGateway(t, before)
			g.Configure(func(config *lists.Config) { config.AcceptReset = true })
			g.store.setDown()
			g.start()
			time.Sleep(time.Minute)
			g.takeNotified()
			for i := range 100 { // evict all others
				g.RestoreList(fmt.Sprint("tenant-", i), origins.NewList(0, nil), time.Now())
			}
			g.store.setUp()
			time.Sleep(time.Minute)
			notified := g.takeNotified()
			for _, tenant := range []string{"acme", "other"} {
				if !slices.Contains(notified, tenant) {
					t.Errorf("%s: not notified of %s", rule, tenant)
				}
			}
			g.stop()
		}
	})
}

// newStoppedGateway returns a gateway that has followed a store and was stopped.
func newStoppedGateway(t *testing.T) (*gateway, store.WebIntegration) {
	g := newGateway(t, openStore(t)).start()
	w := create(t, g.store, newIntegration("acme", "https://a.example"))
	g.await(create(t, g.store, newIntegration("other", "https://o.example")).Revision)
	g.mustList("acme")
	g.mustList("other")
	time.Sleep(positionInterval)
	g.stop()
	return g, w
}

// positionInterval is how often a cache asks the store for its position.
const positionInterval = time.Second

// newRestoredGateway returns a gateway that restored the lists of before.
func newRestoredGateway(t *testing.T, before *gateway) *gateway {
	g := newGateway(t, before.store.Store)
	s := before.State()
	snapshot := &lists.Snapshot{At: s.InForce, Confirmed: s.Confirmed, Lists: map[string]*origins.List{}}
	for _, tenant := range before.Tenants() {
		l, _, _ := before.Peek(tenant)
		snapshot.Lists[tenant] = origins.RestoreList(l.CompleteTo(), slices.Collect(l.Changes(tenant)))
	}
	g.Restore(snapshot)
	return g
}
