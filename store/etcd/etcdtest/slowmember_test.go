package etcdtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd/etcdtest"
)

const (
	// storeTimeout is the default of store.timeout, which limits a call of a gateway.
	storeTimeout = 5 * time.Second
	// shortTimeout is the shortest store.timeout that must work with slow members.
	shortTimeout = 2 * time.Second
)

// TestStore_ToleratesSlowMembers delays every response of every member.
func TestStore_ToleratesSlowMembers(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3, nil)
	t.Run("writes with a delay of 600 ms", func(t *testing.T) {
		t.Parallel()
		s := openThroughSlowRelays(t, c, 600*time.Millisecond)
		create(t, s, newIntegration("acme", "first")) // connect and create the store
		id := ""
		for i := range 8 {
			ctx, cancel := context.WithTimeout(t.Context(), shortTimeout)
			var err error
			if i%2 == 0 {
				var w store.WebIntegration
				w, err = s.Create(ctx, newIntegration("acme", fmt.Sprint(i)))
				id = w.ID
			} else {
				_, err = s.Edit(ctx, "acme", id, addOrigin("https://a.example"))
			}
			if cancel(); err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		}
	})
	t.Run("feed with a delay of 1.5 s", func(t *testing.T) {
		t.Parallel()
		const delay = 1500 * time.Millisecond
		o := newOptions(c)
		fast := openStore(t, o)
		o.Endpoints = slowRelays(t, c, delay)
		delayed := openStore(t, o)
		watchWrites(t, fast, delayed, 10*time.Second)
	})
}

// watchWrites makes writes with one store for this duration, and checks that the other
// one receives them.
func watchWrites(t *testing.T, writer, watching store.Store, duration time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	seen, ended := make(chan uint64, 100), make(chan error, 1)
	first := create(t, writer, newIntegration("acme", "one"))
	go func() {
		ended <- watching.Watch(ctx, first.Revision-1, func(all []origins.Change) {
			for _, c := range all {
				seen <- c.Revision
			}
		})
	}()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended: %v", err)
		}
	}()
	wanted := first.Revision
	for start := time.Now(); time.Since(start) < duration; {
		select {
		case got := <-seen:
			if got != wanted {
				t.Errorf("the feed has revision %d, want %d", got, wanted)
				return
			}
		case <-withTimeout(t, 15*time.Second).Done():
			t.Error("the feed has no change")
			return
		}
		if _, err := watching.Position(withTimeout(t, shortTimeout)); err != nil {
			t.Error(err)
		}
		wanted = create(t, writer, newIntegration("acme", "more")).Revision
	}
}

// TestStore_AvoidsUnresponsiveMember has one member of three accept requests and never
// respond. The store must send its requests to the others.
func TestStore_AvoidsUnresponsiveMember(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3, nil)
	o := newOptions(c)
	var all []*relay
	for i, endpoint := range o.Endpoints {
		r := newRelay(t, endpoint)
		all = append(all, r)
		o.Endpoints[i] = r.Addr().String()
	}
	s := openStore(t, o)
	w := create(t, s, newIntegration("acme", "one"))
	for i, r := range all {
		r.drop.Store(true)
		before := r.lost.Load()
		for range 20 {
			if _, err := s.Edit(withTimeout(t, storeTimeout), "acme", w.ID, addOrigin("https://a.example")); err != nil {
				t.Errorf("Edit while member %d does not respond: %v", i, err)
			}
		}
		// Each write makes two requests. One or two of them go to the member until it is
		// known to be unresponsive, and some later when another one is slow. Round robin
		// would send every third one there.
		if lost := r.lost.Load() - before; lost > 9 {
			t.Errorf("of at least 40 requests, %d went to the unresponsive member %d, want at most 9", lost, i)
		}
		r.drop.Store(false)
		r.disconnect()
	}
}

func openThroughSlowRelays(t *testing.T, c *etcdtest.Cluster, delay time.Duration) store.Store {
	o := newOptions(c)
	o.Endpoints = slowRelays(t, c, delay)
	return openStore(t, o)
}

// slowRelays returns the addresses of relays that delay the responses of the members.
func slowRelays(t *testing.T, c *etcdtest.Cluster, delay time.Duration) (all []string) {
	for _, endpoint := range c.Endpoints() {
		r := newRelay(t, endpoint)
		r.delay.Store(int64(delay))
		all = append(all, r.Addr().String())
	}
	return all
}

// TestWatch_ToleratesNoLongSilenceOnceCaughtUp has the member stop responding twice.
// The second watch waits longer, but only until it has received a response.
func TestWatch_ToleratesNoLongSilenceOnceCaughtUp(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	r := newRelay(t, c.Endpoints()[0])
	o := newOptions(c)
	fast := openStore(t, o)
	o.Endpoints = []string{r.Addr().String()}
	delayed := openStore(t, o)
	after := create(t, fast, newIntegration("acme", "one")).Revision
	var took [2]time.Duration
	for i := range took {
		seen := make(chan uint64, 100)
		ended := make(chan error, 1)
		go func() {
			ended <- delayed.Watch(t.Context(), after, func(all []origins.Change) { seen <- all[len(all)-1].Revision })
		}()
		for range 3 { // for several requests of the position
			after = create(t, fast, newIntegration("acme", "more")).Revision
			for got := uint64(0); got != after; {
				select {
				case got = <-seen:
				case <-withTimeout(t, storeTimeout).Done():
					t.Fatal("the feed has no change")
				}
			}
			<-withTimeout(t, time.Second).Done()
		}
		r.drop.Store(true)
		start := time.Now()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Fatalf("Watch ended: %v", err)
		}
		took[i] = time.Since(start)
		r.drop.Store(false)
		r.disconnect()
	}
	if took[1] > took[0]+2*time.Second {
		t.Errorf("the first watch ended after %v without a response, the second one after %v", took[0], took[1])
	}
}
