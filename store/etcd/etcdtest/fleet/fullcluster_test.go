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

// The origins that are listed before others fill the cluster.
const (
	ofDeleted = "https://deleted.example" // alone, of a web integration that is deleted
	ofRemoved = "https://removed.example" // one of two, taken off the list
	ofStays   = "https://stays.example"   // the other one
)

// feedBound is how long it takes until a revocation is in force everywhere.
const feedBound = 2 * time.Second

// TestFleet_RevokesInAClusterThatOthersFilled holds every gateway to the
// revocations that others have acknowledged, and then to all of them over starts
// with etcd and without it.
func TestFleet_RevokesInAClusterThatOthersFilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes twenty seconds")
	}
	f := newFleet(t, setup{cached: 1000, ways: 1, quota: 16 << 20})
	f.awaitPool()
	whole, some := f.list("whole", ofDeleted), f.list("some", ofRemoved, ofStays)
	f.eventually(map[string]bool{ofDeleted: true, ofRemoved: true, ofStays: true})
	f.fillByOthers()

	api := f.gateways[0].api(lists)
	_, err := api.Delete(t.Context(), whole.ID, "")
	f.acknowledged(0, ofDeleted, err)
	f.eventually(map[string]bool{ofDeleted: false, ofRemoved: true, ofStays: true})
	_, err = f.gateways[1].api(lists).Patch(t.Context(), some.ID, []client.Operation{client.ReplaceValidOrigins(ofStays)}, "")
	f.acknowledged(1, ofRemoved, err)
	in := map[string]bool{ofDeleted: false, ofRemoved: false, ofStays: true}
	f.eventually(in)
	got, err := api.Get(t.Context(), some.ID)
	if err != nil || len(got.ValidOrigins) != 1 || got.ETag == some.ETag {
		t.Errorf("GET answers %+v, %v", got, err)
	}
	_, err = api.Delete(t.Context(), some.ID, some.ETag)
	if changed, ok := errors.AsType[*client.Error](err); !ok || changed.Status != http.StatusPreconditionFailed {
		t.Errorf("DELETE on the condition of the old ETag is answered %v", err)
	}
	if page, err := api.Page(t.Context(), client.ListOptions{}); err != nil || len(page.WebIntegrations) != 1 {
		t.Errorf("the page has %+v, %v", page, err)
	}
	_, err = api.Create(t.Context(), "more", []string{"https://more.example"})
	if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Status != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "not made") {
		t.Errorf("POST is answered %v", err)
	}

	f.restart()
	f.eventually(in)
	pause(t.Context(), 2*time.Second) // they have the lists on disk
	for _, m := range f.members {
		m.kill()
	}
	f.restart()
	f.eventually(in)

	f.each(func(i int) error { return f.members[i].start() })
	f.makeSpace()
	f.list("more", "https://more.example")
	in["https://more.example"] = true
	f.eventually(in)
}

// awaitPool waits until the fleet is prepared for a full cluster.
func (f *fleet) awaitPool() {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
	defer cancel()
	for {
		got, err := f.etcd.Get(ctx, prefix+"w/none")
		if err != nil {
			f.Fatalf("no gateway has put the keys: %v", err)
		}
		if got.Count > 0 {
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func (f *fleet) list(name string, origins ...string) client.WebIntegration {
	f.Helper()
	made, err := f.gateways[0].api(lists).Create(f.Context(), name, origins)
	if err != nil {
		f.Fatal(err)
	}
	return made
}

// acknowledged wants a revocation to be in force with its response.
func (f *fleet) acknowledged(by int, origin string, err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
	if allowed, err := f.gateways[by].allows(plain, lists, "", origin); allowed || err != nil {
		f.Errorf("with its response, %s is allowed: %t, %v", origin, allowed, err)
	}
}

// eventually wants all gateways to allow some origins, and not others.
func (f *fleet) eventually(want map[string]bool) {
	f.Helper()
	began := time.Now()
	for origin, is := range want {
		for _, g := range f.gateways {
			for {
				allowed, err := g.allows(plain, lists, "", origin)
				if err == nil && allowed == is {
					break
				}
				if time.Since(began) > feedBound {
					f.Fatalf("%s: after %v, %s is allowed: %t, %v", g.name, feedBound, origin, allowed, err)
				}
				pause(f.Context(), 5*time.Millisecond)
			}
		}
	}
	f.tell("all gateways say so after %v", time.Since(began).Round(time.Millisecond))
}

func (f *fleet) restart() {
	f.Helper()
	for _, g := range f.gateways {
		g.kill()
	}
	f.each(func(i int) error { return f.gateways[i].start() })
}

// fillByOthers writes beside the store until etcd raises its alarm.
func (f *fleet) fillByOthers() {
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
	f.Fatal("the cluster is never full")
}

// makeSpace does what the runbook says, and ends the alarm.
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
