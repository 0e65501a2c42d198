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
	// storeTimeout is the default of store.timeout, in which a gateway ends a call.
	storeTimeout = 5 * time.Second
	// shortTimeout is as short as operators may set it, and still enough.
	shortTimeout = 2 * time.Second
)

// TestStore_IsPatientWithSlowMembers has every response of every member come late.
func TestStore_IsPatientWithSlowMembers(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3, nil)
	t.Run("writes at 600 ms", func(t *testing.T) {
		t.Parallel()
		s := behindRelays(t, c, 600*time.Millisecond)
		create(t, s, entry("acme", "first")) // it connects, and makes the store
		id := ""
		for i := range 8 {
			ctx, cancel := context.WithTimeout(t.Context(), shortTimeout)
			var err error
			if i%2 == 0 {
				var w store.WebIntegration
				w, err = s.Create(ctx, entry("acme", fmt.Sprint(i)))
				id = w.ID
			} else {
				_, err = s.Edit(ctx, "acme", id, appending("https://a.example"))
			}
			if cancel(); err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		}
	})
	t.Run("the feed at 1.5 s", func(t *testing.T) {
		t.Parallel()
		const trip = 1500 * time.Millisecond
		o := optionsOf(c)
		near := open(t, o)
		o.Endpoints = relays(t, c, trip)
		far := open(t, o)
		watchFor(t, near, far, 10*time.Second)
	})
}

// watchFor has one store watch for so long what another one writes.
func watchFor(t *testing.T, writes, watches store.Store, long time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	seen, ended := make(chan uint64, 100), make(chan error, 1)
	first := create(t, writes, entry("acme", "one"))
	go func() {
		ended <- watches.Watch(ctx, first.Revision-1, func(all []origins.Change) {
			for _, c := range all {
				seen <- c.Revision
			}
		})
	}()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended: %v", err)
		}
	}()
	wanted := first.Revision
	for began := time.Now(); time.Since(began) < long; {
		select {
		case got := <-seen:
			if got != wanted {
				t.Errorf("fed was %d, not %d", got, wanted)
				return
			}
		case <-within(t, 15*time.Second).Done():
			t.Error("nothing is fed")
			return
		}
		if _, err := watches.Position(within(t, shortTimeout)); err != nil {
			t.Error(err)
		}
		wanted = create(t, writes, entry("acme", "more")).Revision
	}
}

// TestStore_LeavesAMemberThatStopsAnswering has one member of three take
// requests and never answer, which the store must notice by itself.
func TestStore_LeavesAMemberThatStopsAnswering(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3, nil)
	o := optionsOf(c)
	var all []*relay
	for i, endpoint := range o.Endpoints {
		r := newRelay(t, endpoint)
		all = append(all, r)
		o.Endpoints[i] = r.Addr().String()
	}
	s := open(t, o)
	w := create(t, s, entry("acme", "one"))
	for i, r := range all {
		r.mute.Store(true)
		before := r.lost.Load()
		for range 20 {
			if _, err := s.Edit(within(t, storeTimeout), "acme", w.ID, appending("https://a.example")); err != nil {
				t.Errorf("without member %d: %v", i, err)
			}
		}
		// Of the two requests of each write, one or two go there until it is
		// known, and some when another one is slow; in turns it would be every third.
		if lost := r.lost.Load() - before; lost > 9 {
			t.Errorf("of 40 requests and more, member %d was sent %d without a response", i, lost)
		}
		r.mute.Store(false)
		r.cut()
	}
}

func behindRelays(t *testing.T, c *etcdtest.Cluster, slow time.Duration) store.Store {
	o := optionsOf(c)
	o.Endpoints = relays(t, c, slow)
	return open(t, o)
}

// relays are addresses at which the members' answers come late.
func relays(t *testing.T, c *etcdtest.Cluster, slow time.Duration) (all []string) {
	for _, endpoint := range c.Endpoints() {
		r := newRelay(t, endpoint)
		r.slow.Store(int64(slow))
		all = append(all, r.Addr().String())
	}
	return all
}

// TestWatch_BearsNoLongSilenceOnceItHasCaughtUp has the member fall silent twice.
// The second watch bears a longer silence, but only until the member has answered.
func TestWatch_BearsNoLongSilenceOnceItHasCaughtUp(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	r := newRelay(t, c.Endpoints()[0])
	o := optionsOf(c)
	near := open(t, o)
	o.Endpoints = []string{r.Addr().String()}
	far := open(t, o)
	after := create(t, near, entry("acme", "one")).Revision
	var took [2]time.Duration
	for i := range took {
		seen := make(chan uint64, 100)
		ended := make(chan error, 1)
		go func() {
			ended <- far.Watch(t.Context(), after, func(all []origins.Change) { seen <- all[len(all)-1].Revision })
		}()
		for range 3 { // over some of the questions how far it is
			after = create(t, near, entry("acme", "more")).Revision
			for got := uint64(0); got != after; {
				select {
				case got = <-seen:
				case <-within(t, storeTimeout).Done():
					t.Fatal("nothing is fed")
				}
			}
			<-within(t, time.Second).Done()
		}
		r.mute.Store(true)
		began := time.Now()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Fatalf("the watch ended: %v", err)
		}
		took[i] = time.Since(began)
		r.mute.Store(false)
		r.cut()
	}
	if took[1] > took[0]+2*time.Second {
		t.Errorf("the first watch bore %v of silence, the second one %v", took[0], took[1])
	}
}
