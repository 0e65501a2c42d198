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

// revocableStore loads empty lists once it is set to true.
type revocableStore struct{ atomic.Bool }

func (r *revocableStore) load(ctx context.Context, tenant string) (*origins.List, error) {
	if r.Load() {
		return origins.NewList(20, nil), nil
	}
	return loadTwo(ctx, tenant)
}

// evictList loads the lists of other tenants, so that the cache evicts that of acme.
func (h *harness) evictList() {
	for i := range 10 {
		h.lists.List(h.t.Context(), fmt.Sprint("tenant-", i))
	}
}

// A request may load a list that already contains a change before the cache applies
// that change. The cache does not notify the gateway then.
func TestGateway_ReviewsTunnelsAfterListLoadedWithChange(t *testing.T) {
	for rule, between := range map[string]func(h *harness){
		"list loaded":                 func(h *harness) { h.lists.List(h.t.Context(), "acme") },
		"list loaded and evicted":     func(h *harness) { h.lists.List(h.t.Context(), "acme"); h.evictList() },
		"list not loaded":             func(*harness) {},
		"request refused":             func(h *harness) { h.send(request("GET /", "Origin: "+listed)) },
		"WebSocket handshake refused": func(h *harness) { h.send(handshake("/", "Origin: "+listed)) },
	} {
		var store revocableStore
		h := newHarness(t, options{tenant: echo, load: store.load})
		conn, stays := h.openWebSocket(listed, "/"), h.openWebSocket(public, "/")
		h.evictList()
		store.Store(true)
		between(h)
		liststest.Apply(h.lists, emptyFirst())
		expectClose(t, rule, conn, websocket.StatusPolicyViolation, "revoked")
		expectEcho(t, rule+": public origin", stays)
	}
}

// The periodic review finds a changed list without a notification.
func TestGateway_ReviewsTunnelsPeriodically(t *testing.T) {
	t.Parallel()
	for rule, between := range map[string]func(h *harness){
		"list cached":   func(h *harness) { liststest.Apply(h.lists, emptyFirst()) },
		"list evicted":  (*harness).evictList,
		"list reloaded": func(h *harness) { h.evictList(); h.lists.List(h.t.Context(), "acme") },
	} {
		var store revocableStore
		h := newHarness(t, options{tenant: echo, load: store.load})
		h.muted.Store(true)
		conn, stays := h.openWebSocket(listed, "/"), h.openWebSocket(public, "/")
		go h.proxy.Tunnels().ReviewPeriodically(t.Context())
		store.Store(true)
		between(h)
		expectClose(t, rule, conn, websocket.StatusPolicyViolation, "revoked")
		expectEcho(t, rule+": public origin", stays)
	}
}

// An unavailable list does not close tunnels unless it has changed.
func TestGateway_KeepsTunnelsInPeriodicReviewWhileListIsUnavailable(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	loads := make(chan bool, 100)
	h := newHarness(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if tenant == "acme" && down.Load() {
			loads <- true
			return nil, errors.New("the store is down")
		}
		return loadTwo(ctx, tenant)
	}})
	conn := h.openWebSocket(listed, "/")
	stays := h.openWebSocket(public, "/") // so that the tenant is reviewed even without the other
	waitUntilRelaying(t, conn, stays)
	h.evictList()
	down.Store(true)
	go h.proxy.Tunnels().ReviewPeriodically(t.Context())
	<-loads
	<-loads // the first review has ended
	expectEcho(t, "no notification", conn)
	liststest.Apply(h.lists, emptyFirst())
	expectClose(t, "list changed", conn, websocket.StatusPolicyViolation, "revoked")
}

// A review that waits for a list must not delay those of other tenants.
func TestGateway_ReviewsOtherTenantsWhileListLoads(t *testing.T) {
	t.Parallel()
	var store revocableStore
	var slow atomic.Bool
	loads, release := make(chan bool, 100), make(chan bool)
	defer close(release)
	h := newHarness(t, options{tenant: echo, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		if tenant == "empty" && slow.Load() {
			loads <- true
			<-release
		}
		return store.load(ctx, tenant)
	}})
	h.muted.Store(true)
	other, conn := h.openWebSocketAt("empty.example", public, "/"), h.openWebSocket(listed, "/")
	waitUntilRelaying(t, other, conn)
	h.evictList()
	slow.Store(true)
	go h.proxy.Tunnels().ReviewPeriodically(t.Context())
	<-loads
	store.Store(true)
	h.evictList()
	expectClose(t, "while the list of another tenant loads", conn, websocket.StatusPolicyViolation, "revoked")
}

// With more tenants than ticks in a round, each tick reviews several of them.
func TestGateway_ReviewsSeveralTenantsPerTick(t *testing.T) {
	loads := make(chan string, 1000)
	h := newHarness(t, options{tenant: echo, config: func(c *proxy.Config) {
		for i := range 150 {
			tenant := c.Tenants[1]
			tenant.ID = fmt.Sprint("many-", i)
			tenant.Hosts = []string{tenant.ID + ".example"}
			c.Tenants = append(c.Tenants, tenant)
		}
	}, load: func(ctx context.Context, tenant string) (*origins.List, error) {
		loads <- tenant
		return loadTwo(ctx, tenant)
	}})
	for i := range 150 {
		conn := h.openWebSocketAt(fmt.Sprintf("many-%d.example", i), public, "/")
		<-loads
		waitUntilRelaying(t, conn)
	}
	h.evictList()
	for range 10 {
		<-loads
	}
	go h.proxy.Tunnels().ReviewPeriodically(t.Context())
	reviewed := map[string]bool{<-loads: true}
	start := time.Now()
	for range 9 { // five per tick
		reviewed[<-loads] = true
	}
	if took := time.Since(start); took > 4*time.Second || len(reviewed) != 10 {
		t.Errorf("%d tenants reviewed in %v, want 10 within 4s", len(reviewed), took)
	}
}

// A list that was not confirmed within the maximum staleness refuses, and so does one
// that has been unavailable for as long.
func TestGateway_ClosesTunnelsInPeriodicReviewWhenListIsStale(t *testing.T) {
	for rule, between := range map[string]func(h *harness){
		"list cached":  func(*harness) {},
		"list evicted": (*harness).evictList,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			var down atomic.Bool
			h := newHarness(t, options{tenant: echo, maxStaleness: 3 * time.Second,
				load: func(ctx context.Context, tenant string) (*origins.List, error) {
					if tenant == "acme" && down.Load() {
						return nil, errors.New("the store is down")
					}
					return loadTwo(ctx, tenant)
				}})
			h.lists.Restore(&lists.Snapshot{Confirmed: time.Now()})
			conn, stays := h.openWebSocket(listed, "/"), h.openWebSocket(public, "/")
			expectEcho(t, "before", conn) // the gateway reviews a tunnel when it begins to relay
			down.Store(true)
			between(h)
			go h.proxy.Tunnels().ReviewPeriodically(t.Context())
			expectEcho(t, "not stale yet", conn)
			if rule == "list evicted" {
				time.AfterFunc(4*time.Second, func() { h.proxy.Tunnels().ListChanged("acme") }) // as package lists does then
			}
			expectClose(t, "stale", conn, websocket.StatusPolicyViolation, "revoked")
			expectEcho(t, "public origin", stays)
		})
	}
}
