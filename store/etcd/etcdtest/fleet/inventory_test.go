//go:build linux

package fleet_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"originwarden/api/client"
)

const strangeOrigin = "https://strange.example"

// TestFleet_SharesRefusedOriginsAndHistory refuses an origin at every gateway, while
// others write. All show one inventory, and one history with every write, also after a
// gateway and etcd's leader were killed in the midst of writes.
func TestFleet_SharesRefusedOriginsAndHistory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 30 seconds")
	}
	f := newFleet(t, setup{cached: 1000, relaysPerMember: 1})
	history := f.writeHistory()
	f.refuse(0, 1, 2)
	f.awaitRefused(client.RefusedQuery{}, 3, 0, 1, 2)

	f.gateways[0].kill()
	leader := f.leader()
	if leader < 0 {
		t.Fatal("the leader is unknown")
	}
	f.members[leader].kill()
	f.refuse(1, 2)
	f.awaitRefused(client.RefusedQuery{}, 5, 1, 2)
	if err := f.gateways[0].start(); err != nil {
		t.Fatal(err)
	}
	f.awaitRefused(client.RefusedQuery{}, 5, 0, 1, 2)
	history.finish()
	records, unknown := history.check()
	history.undoElsewhere()
	f.logf("%d records at all gateways; the outcome of %d writes is unknown", records, unknown)

	if err := f.gateways[1].api(lists).DismissRefused(t.Context(), strangeOrigin); err != nil {
		t.Fatal(err)
	}
	f.refuse(0)
	f.awaitRefused(client.RefusedQuery{Dismissed: "true"}, 6, 0, 1, 2)
	f.awaitRefused(client.RefusedQuery{}, 0, 0, 1, 2)
}

// refuse has each of the gateways refuse a request.
func (f *fleet) refuse(gateways ...int) {
	f.Helper()
	for _, i := range gateways {
		if allowed, err := f.gateways[i].isAllowed(actual, lists, "", strangeOrigin); allowed || err != nil {
			f.Fatalf("gateway %d: allowed %t, %v; want a refusal", i, allowed, err)
		}
	}
}

// awaitRefused waits until each of the gateways has this count of the origin. That takes
// the ten seconds until a gateway writes what is new, and a moment.
func (f *fleet) awaitRefused(q client.RefusedQuery, want uint64, gateways ...int) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 20*time.Second)
	defer cancel()
	for _, i := range gateways {
		for {
			all, err := f.gateways[i].api(lists).RefusedOrigins(ctx, q)
			count := uint64(0)
			if at := slices.IndexFunc(all.Data, func(r client.RefusedOrigin) bool { return r.Origin == strangeOrigin }); at >= 0 {
				count = all.Data[at].Count
			}
			if err == nil && count == want && !all.Partial {
				break
			}
			if ctx.Err() != nil {
				f.Fatalf("gateway %d: a count of %d, %v; want %d", i, count, err, want)
			}
			pause(ctx, 100*time.Millisecond)
		}
	}
}
