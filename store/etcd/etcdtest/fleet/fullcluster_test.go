//go:build linux

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/api/client"
)

// The origins that are listed before other keys fill the cluster.
const (
	deletedOrigin = "https://deleted.example" // the only origin of a web integration that is deleted
	removedOrigin = "https://removed.example" // one of two origins, which is removed
	keptOrigin    = "https://stays.example"   // the other one, which is kept
)

// feedBound is the time within which a change must be in force everywhere.
const feedBound = 2 * time.Second

// TestFleet_RevokesInFullCluster checks that revocations in a full cluster are in force
// at every gateway, and stay so after restarts with and without etcd.
func TestFleet_RevokesInFullCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 seconds")
	}
	f := newFleet(t, setup{cached: 1000, relaysPerMember: 1, quota: 16 << 20})
	f.awaitPool()
	toDelete, toEdit := f.list("whole", deletedOrigin), f.list("some", removedOrigin, keptOrigin)
	f.awaitDecisions(map[string]bool{deletedOrigin: true, removedOrigin: true, keptOrigin: true})
	f.fillCluster()

	api := f.gateways[0].api(lists)
	_, err := api.Delete(t.Context(), toDelete.ID, "")
	f.wantRevoked(0, deletedOrigin, err)
	f.awaitDecisions(map[string]bool{deletedOrigin: false, removedOrigin: true, keptOrigin: true})
	_, err = f.gateways[1].api(lists).Patch(t.Context(), toEdit.ID, []client.Operation{client.ReplaceValidOrigins(keptOrigin)}, "")
	f.wantRevoked(1, removedOrigin, err)
	want := map[string]bool{deletedOrigin: false, removedOrigin: false, keptOrigin: true}
	f.awaitDecisions(want)
	got, err := api.Get(t.Context(), toEdit.ID)
	if err != nil || len(got.ValidOrigins) != 1 || got.ETag == toEdit.ETag {
		t.Errorf("GET: %+v, %v", got, err)
	}
	_, err = api.Delete(t.Context(), toEdit.ID, toEdit.ETag)
	if changed, ok := errors.AsType[*client.Error](err); !ok || changed.Status != http.StatusPreconditionFailed {
		t.Errorf("DELETE with the old ETag: error %v, want status 412", err)
	}
	if page, err := api.Page(t.Context(), client.ListOptions{}); err != nil || len(page.WebIntegrations) != 1 {
		t.Errorf("page %+v, %v; want one web integration", page, err)
	}
	_, err = api.Create(t.Context(), "more", []string{"https://more.example"})
	if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Status != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "not made") {
		t.Errorf("POST: error %v, want status 503 and \"not made\"", err)
	}

	f.restartGateways()
	f.awaitDecisions(want)
	pause(t.Context(), 2*time.Second) // until all gateways have saved their lists
	for _, m := range f.members {
		m.kill()
	}
	f.restartGateways()
	f.awaitDecisions(want)

	f.forEach(func(i int) error { return f.members[i].start() })
	f.makeSpace()
	f.list("more", "https://more.example")
	want["https://more.example"] = true
	f.awaitDecisions(want)
}

// awaitPool waits until a gateway has created the pool of keys for removals.
func (f *fleet) awaitPool() {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
	defer cancel()
	for {
		got, err := f.etcd.Get(ctx, prefix+"w/none")
		if err != nil {
			f.Fatalf("no gateway has created the pool: %v", err)
		}
		if got.Count > 0 {
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func (f *fleet) list(name string, origins ...string) client.WebIntegration {
	f.Helper()
	created, err := f.gateways[0].api(lists).Create(f.Context(), name, origins)
	if err != nil {
		f.Fatal(err)
	}
	return created
}

// wantRevoked checks that a revocation is in force at the gateway that acknowledged it.
func (f *fleet) wantRevoked(by int, origin string, err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
	if allowed, err := f.gateways[by].isAllowed(actual, lists, "", origin); allowed || err != nil {
		f.Errorf("after the acknowledgement %s is allowed: %t, %v", origin, allowed, err)
	}
}

// awaitDecisions waits until the decisions of all gateways are as wanted.
func (f *fleet) awaitDecisions(want map[string]bool) {
	f.Helper()
	start := time.Now()
	for origin, wanted := range want {
		for _, g := range f.gateways {
			for {
				allowed, err := g.isAllowed(actual, lists, "", origin)
				if err == nil && allowed == wanted {
					break
				}
				if time.Since(start) > feedBound {
					f.Fatalf("%s: after %v, %s is allowed: %t, %v", g.name, feedBound, origin, allowed, err)
				}
				pause(f.Context(), 5*time.Millisecond)
			}
		}
	}
	f.logf("the decisions of all gateways are as wanted after %v", time.Since(start).Round(time.Millisecond))
}

func (f *fleet) restartGateways() {
	f.Helper()
	for _, g := range f.gateways {
		g.kill()
	}
	f.forEach(func(i int) error { return f.gateways[i].start() })
}

// fillCluster writes other keys until etcd raises the NOSPACE alarm.
func (f *fleet) fillCluster() {
	f.Helper()
	for i := range 1000 {
		_, err := f.etcd.Put(f.Context(), fmt.Sprint("/others/", i), strings.Repeat("x", 1<<20))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Fatal("the cluster did not become full")
}

// makeSpace deletes the other keys, compacts and defragments as the runbook says, and
// clears the alarm.
func (f *fleet) makeSpace() {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 30*time.Second)
	defer cancel()
	deleted, err := f.etcd.Delete(ctx, "/others/", clientv3.WithPrefix())
	if err != nil {
		f.Fatal(err)
	}
	_, err = f.etcd.Compact(ctx, deleted.Header.Revision, clientv3.WithCompactPhysical())
	for _, member := range f.clients {
		_, defragErr := f.etcd.Defragment(ctx, member)
		err = errors.Join(err, defragErr)
	}
	_, disarmErr := f.etcd.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	if err := errors.Join(err, disarmErr); err != nil {
		f.Fatal(err)
	}
}
