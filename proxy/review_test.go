package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
)

// revocable is a loader whose lists list nothing any more once it is set.
type revocable struct{ atomic.Bool }

func (r *revocable) load(ctx context.Context, tenant string) (*origins.List, error) {
	if r.Load() {
		return origins.NewList(20, nil), nil
	}
	return loadTwo(ctx, tenant)
}

// putOut has the lists of other tenants take the place of acme's.
func (w *world) putOut() {
	for i := range 10 {
		w.lists.List(w.t.Context(), fmt.Sprint("tenant-", i))
	}
}

// A request may load a list with a change before that is applied here. Then the
// list has it, and nobody has told so.
func TestGateway_ReviewsTunnelsWhoseListWasLoadedWithTheChange(t *testing.T) {
	for rule, between := range map[string]func(w *world){
		"it was loaded":             func(w *world) { w.lists.List(w.t.Context(), "acme") },
		"it is put out once more":   func(w *world) { w.lists.List(w.t.Context(), "acme"); w.putOut() },
		"nobody has asked for it":   func(*world) {},
		"a refusal was answered":    func(w *world) { w.send(request("GET /", "Origin: "+listed)) },
		"another socket is refused": func(w *world) { w.send(handshake("/", "Origin: "+listed)) },
	} {
		var store revocable
		w := newWorld(t, options{tenant: echo, load: store.load})
		conn, stays := w.open(listed, "/"), w.open(public, "/")
		w.putOut()
		store.Store(true)
		between(w)
		liststest.Apply(w.lists, withoutFirst())
		expectClose(t, rule, conn, websocket.StatusPolicyViolation, "revoked")
		expectEcho(t, rule+": a public origin", stays)
	}
}

// A list of which nobody says that it has changed is found all the same.
func TestGateway_ReviewsTunnelsPeriodically(t *testing.T) {
	for rule, between := range map[string]func(w *world){
		"the list is cached": func(w *world) { liststest.Apply(w.lists, withoutFirst()) },
		"it was put out":     (*world).putOut,
		"it was loaded anew": func(w *world) { w.putOut(); w.lists.List(w.t.Context(), "acme") },
	} {
		var store revocable
		w := newWorld(t, options{tenant: echo, load: store.load})
		w.quiet.Store(true)
		conn, stays := w.open(listed, "/"), w.open(public, "/")
		go w.proxy.ReviewPeriodically(t.Context())
		store.Store(true)
		between(w)
		expectClose(t, rule, conn, websocket.StatusPolicyViolation, "revoked")
		expectEcho(t, rule+": a public origin", stays)
	}
}

// An outage of the store is no revocation.
func TestGateway_LeavesTunnelsWhoseListIsUnavailableInAPeriodicReview(t *testing.T) {
	var down atomic.Bool
	asked := make(chan bool, 100)
	w := newWorld(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if tenant == "acme" && down.Load() {
			asked <- true
			return nil, errors.New("the store is down")
		}
		return loadTwo(ctx, tenant)
	}})
	conn := w.open(listed, "/")
	stays := w.open(public, "/") // so that the tenant is reviewed, whatever becomes of the other
	expectDecided(t, conn, stays)
	w.putOut()
	down.Store(true)
	go w.proxy.ReviewPeriodically(t.Context())
	<-asked
	<-asked // the turn before has ended
	expectEcho(t, "nobody says that it has changed", conn)
	liststest.Apply(w.lists, withoutFirst())
	expectClose(t, "it has changed", conn, websocket.StatusPolicyViolation, "revoked")
}

// Nor does a tenant whose list does not come have many turns at once.
func TestGateway_ReviewsBesideAListThatDoesNotCome(t *testing.T) {
	var store revocable
	var slow atomic.Bool
	asked, release := make(chan bool, 100), make(chan bool)
	defer close(release)
	w := newWorld(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if tenant == "empty" && slow.Load() {
			asked <- true
			<-release
		}
		return store.load(ctx, tenant)
	}})
	w.quiet.Store(true)
	other, conn := w.openAt("empty.example", public, "/"), w.open(listed, "/")
	expectDecided(t, other, conn)
	w.putOut()
	slow.Store(true)
	go w.proxy.ReviewPeriodically(t.Context())
	<-asked
	store.Store(true)
	w.putOut()
	expectClose(t, "beside a tenant whose list does not come", conn, websocket.StatusPolicyViolation, "revoked")
}

// With more tenants than a round has ticks, several have their turn at each.
func TestGateway_ReviewsManyTenantsAtEachTick(t *testing.T) {
	asked := make(chan string, 1000)
	w := newWorld(t, options{tenant: echo, config: func(c *proxy.Config) {
		for i := range 150 {
			tenant := c.Tenants[1]
			tenant.ID = fmt.Sprint("many-", i)
			tenant.Hosts = []string{tenant.ID + ".example"}
			c.Tenants = append(c.Tenants, tenant)
		}
	}, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		asked <- tenant
		return loadTwo(ctx, tenant)
	}})
	for i := range 150 {
		conn := w.openAt(fmt.Sprintf("many-%d.example", i), public, "/")
		<-asked
		expectDecided(t, conn)
	}
	w.putOut()
	for range 10 {
		<-asked
	}
	go w.proxy.ReviewPeriodically(t.Context())
	had := map[string]bool{<-asked: true}
	began := time.Now()
	for range 9 { // five at each tick
		had[<-asked] = true
	}
	if took := time.Since(began); took > 4*time.Second || len(had) != 10 {
		t.Errorf("%d tenants had their turn in %v", len(had), took)
	}
}

// But a list that nobody has confirmed for longer than the operator permits
// refuses, and so does one that cannot be had since then.
func TestGateway_ReviewsTunnelsInTurnsWhoseListIsStale(t *testing.T) {
	for rule, between := range map[string]func(w *world){
		"the list is cached": func(*world) {},
		"it was put out":     (*world).putOut,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			var down atomic.Bool
			w := newWorld(t, options{tenant: echo, maxStaleness: 3 * time.Second,
				load: func(ctx context.Context, tenant string) (*origins.List, error) {
					if tenant == "acme" && down.Load() {
						return nil, errors.New("the store is down")
					}
					return loadTwo(ctx, tenant)
				}})
			w.lists.Restore(&lists.Snapshot{Confirmed: time.Now()})
			conn, stays := w.open(listed, "/"), w.open(public, "/")
			expectEcho(t, "at first", conn) // it is decided again when it begins to relay
			down.Store(true)
			between(w)
			go w.proxy.ReviewPeriodically(t.Context())
			expectEcho(t, "not stale yet", conn)
			if rule == "it was put out" {
				time.AfterFunc(4*time.Second, func() { w.proxy.ListChanged("acme") }) // as lists does then
			}
			expectClose(t, "stale", conn, websocket.StatusPolicyViolation, "revoked")
			expectEcho(t, "a public origin", stays)
		})
	}
}
