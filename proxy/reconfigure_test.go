package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
)

// reconfigurable is a harness whose gateway can get another configuration.
type reconfigurable struct {
	*harness
	cfg proxy.Config
}

func newReconfigurable(t *testing.T, o options) *reconfigurable {
	t.Helper()
	r := &reconfigurable{}
	config := o.config
	o.config = func(c *proxy.Config) {
		if config != nil {
			config(c)
		}
		r.cfg = *c
	}
	r.harness = newHarness(t, o)
	return r
}

// reconfigure changes the configuration of the gateway.
func (r *reconfigurable) reconfigure(change func(*proxy.Config)) {
	r.t.Helper()
	r.cfg.Tenants = append([]proxy.Tenant{}, r.cfg.Tenants...)
	change(&r.cfg)
	if err := r.proxy.Reconfigure(r.cfg); err != nil {
		r.t.Fatal(err)
	}
}

func unchanged(*proxy.Config) {}

// blockingTenant is a tenant whose responses to /slow wait for unblock. It responds
// with the address of its peer.
type blockingTenant struct {
	entered, release chan struct{}
	once             sync.Once
}

func newBlockingTenant() *blockingTenant {
	return &blockingTenant{entered: make(chan struct{}, 1), release: make(chan struct{})}
}

func (b *blockingTenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/slow" {
		b.entered <- struct{}{}
		<-b.release
	}
	io.WriteString(w, r.RemoteAddr)
}

func (b *blockingTenant) unblock() { b.once.Do(func() { close(b.release) }) }

// startSlowRequest sends a request for /slow, and returns when the tenant has received
// it. The channel gets the status of the response, or 0.
func (b *blockingTenant) startSlowRequest(h *harness) <-chan int {
	done := make(chan int, 1)
	go func() {
		r, _ := http.NewRequest("GET", h.gateway.URL+"/slow", nil)
		r.Host = "acme.example"
		response, err := h.gateway.Client().Do(r)
		if err != nil {
			done <- 0
			return
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		done <- response.StatusCode
	}()
	<-b.entered
	return done
}

func TestReconfigure_KeepsCountOfRequestsInFlight(t *testing.T) {
	tenant := newBlockingTenant()
	defer tenant.unblock()
	r := newReconfigurable(t, options{tenant: tenant.ServeHTTP, config: func(c *proxy.Config) { c.InFlightPerTenant = 1 }})
	slow := tenant.startSlowRequest(r.harness)
	r.reconfigure(unchanged)
	if got := r.send(request("GET /")); got.StatusCode != 503 || got.code() != "OVERLOADED" {
		t.Errorf("during a request from before: status %d, want 503 OVERLOADED: %s", got.StatusCode, got.body)
	}
	r.reconfigure(func(c *proxy.Config) { c.InFlightPerTenant = 2 })
	if got := r.send(request("GET /")); got.StatusCode != 200 {
		t.Errorf("with a higher limit: status %d, want 200: %s", got.StatusCode, got.body)
	}
	if got := r.send(request("GET /", "Host: empty.example")); got.StatusCode != 200 {
		t.Errorf("other tenant: status %d, want 200: %s", got.StatusCode, got.body)
	}
	r.reconfigure(func(c *proxy.Config) { c.InFlightPerTenant = 1 })
	if got := r.send(request("GET /")); got.code() != "OVERLOADED" {
		t.Errorf("with a lower limit: status %d, want 503 OVERLOADED: %s", got.StatusCode, got.body)
	}
	tenant.unblock()
	if status := <-slow; status != 200 {
		t.Errorf("slow request: status %d, want 200", status)
	}
	for range 5 { // the last is the slow request, which is no longer counted then
		r.nextExchange()
	}
	if got := r.send(request("GET /")); got.StatusCode != 200 {
		t.Errorf("after the slow request: status %d, want 200: %s", got.StatusCode, got.body)
	}
}

func TestReconfigure_AppliesNewConfiguration(t *testing.T) {
	r := newReconfigurable(t, options{})
	rows := []struct {
		rule          string
		raw           string
		before, after int
	}{
		{"other mode", request("GET /", "Origin: "+unlisted), 403, 200},
		{"removed tenant", request("GET /", "Host: empty.example"), 200, 421},
		{"URL limit", request("GET /?123456789"), 200, 414},
	}
	for _, row := range rows {
		if got := r.send(row.raw); got.StatusCode != row.before {
			t.Errorf("%s: status %d before, want %d", row.rule, got.StatusCode, row.before)
		}
	}
	r.reconfigure(func(c *proxy.Config) {
		c.Tenants[0].Mode = proxy.Report
		c.Tenants = c.Tenants[:1]
		c.URLBytes = 8
	})
	for _, row := range rows {
		if got := r.send(row.raw); got.StatusCode != row.after {
			t.Errorf("%s: status %d after, want %d", row.rule, got.StatusCode, row.after)
		}
	}
}

func TestReconfigure_DoesNotAffectRunningExchange(t *testing.T) {
	tenant := newBlockingTenant()
	defer tenant.unblock()
	r := newReconfigurable(t, options{tenant: tenant.ServeHTTP})
	responses := make(chan response)
	go func() { responses <- r.send(request("GET /slow", "Origin: "+listed)) }()
	<-tenant.entered
	r.reconfigure(func(c *proxy.Config) {
		c.CORS.ExposeHeaders = nil
		c.Tenants[0].Mode = proxy.Report
		c.OnEnd = nil
	})
	tenant.unblock()
	expectCORS(t, "request from before", <-responses, allowedCORS(listed))
	if got := r.nextExchange(); got.Mode != proxy.Enforce {
		t.Errorf("exchange has mode %v, want enforce", got.Mode)
	}
	expectCORS(t, "request from after", r.send(request("GET /", "Origin: "+listed)), nil)
}

func TestReconfigure_ChangesNothingOnError(t *testing.T) {
	r := newReconfigurable(t, options{tenant: newBlockingTenant().ServeHTTP})
	connection := r.send(request("GET /")).body
	cfg := r.cfg
	cfg.URLBytes, cfg.Timeouts.Response = 1, time.Second
	cfg.Tenants = append([]proxy.Tenant{}, cfg.Tenants[0], cfg.Tenants[1], proxy.Tenant{ID: "duplicate", Hosts: []string{"acme.example"}, Upstream: cfg.Tenants[0].Upstream})
	cfg.Tenants[0].Mode = proxy.Report
	if err := r.proxy.Reconfigure(cfg); err == nil {
		t.Error("no error for two tenants with the same host")
	}
	if got := r.send(request("GET /abc")); got.StatusCode != 200 || got.body != connection {
		t.Errorf("limits and connections: status %d, peer %s; want 200, %s", got.StatusCode, got.body, connection)
	}
	if got := r.send(request("GET /", "Origin: "+unlisted)); got.StatusCode != 403 {
		t.Errorf("mode: status %d, want 403", got.StatusCode)
	}
}

func TestReconfigure_KeepsConnectionsOfUnchangedUpstream(t *testing.T) {
	tenant := httptest.NewTLSServer(newBlockingTenant())
	defer tenant.Close()
	secure, _ := url.Parse(tenant.URL)
	roots := x509.NewCertPool()
	roots.AddCert(tenant.Certificate())
	for scheme, config := range map[string]func(*proxy.Config){
		"http": unchanged,
		"https": func(c *proxy.Config) {
			c.Tenants[0].Upstream, c.Tenants[0].UpstreamTLS = secure, &tls.Config{RootCAs: roots}
		},
	} {
		r := newReconfigurable(t, options{tenant: newBlockingTenant().ServeHTTP, config: config})
		connection := r.send(request("GET /")).body
		r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Mode, c.Timeouts.WebSocketIdle = proxy.Headers, time.Minute })
		if got := r.send(request("GET /")).body; got != connection {
			t.Errorf("%s, same timeouts: connection %s, then %s; want the same", scheme, connection, got)
		}
		r.reconfigure(func(c *proxy.Config) { c.Timeouts.Response += time.Second })
		if got := r.send(request("GET /")).body; got == connection {
			t.Errorf("%s, other timeouts: same connection, want another", scheme)
		}
	}
}

// connectionCounter counts the open connections of a server.
type connectionCounter struct {
	mu      sync.Mutex
	open    map[net.Conn]bool
	changed chan struct{}
}

func (c *connectionCounter) recordState(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[conn] = true; state == http.StateClosed || state == http.StateHijacked {
		delete(c.open, conn)
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// waitFor waits until want connections are open.
func (c *connectionCounter) waitFor(t *testing.T, rule string, want int) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		open := len(c.open)
		c.mu.Unlock()
		if open == want {
			return
		}
		select {
		case <-c.changed:
		case <-timeout:
			t.Fatalf("%s: %d connections are open, want %d", rule, open, want)
		}
	}
}

// An HTTP/2 connection that is in use when its transport retires is not idle, so that
// closing the idle connections leaves it open until the idle timeout.
func TestReconfigure_ClosesConnectionsOfOldTransport(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		tenant := newBlockingTenant()
		defer tenant.unblock()
		counted := &connectionCounter{open: map[net.Conn]bool{}, changed: make(chan struct{}, 1)}
		server := httptest.NewUnstartedServer(tenant)
		server.EnableHTTP2, server.Config.ConnState = http2, counted.recordState
		server.StartTLS()
		defer server.Close()
		upstream, _ := url.Parse(server.URL)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		loading, loaded := make(chan struct{}), make(chan struct{})
		r := newReconfigurable(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Upstream, c.Tenants[0].UpstreamTLS = upstream, &tls.Config{RootCAs: roots}
		}, load: func(ctx context.Context, tenant string) (*origins.List, error) {
			close(loading)
			<-loaded
			return loadTwo(ctx, tenant)
		}})
		slow := tenant.startSlowRequest(r.harness)
		late := make(chan response)
		go func() { late <- r.send(request("GET /", "Origin: "+listed)) }()
		<-loading
		r.reconfigure(func(c *proxy.Config) { c.Tenants[0].UpstreamTLS = &tls.Config{RootCAs: roots} })
		if got := r.send(request("GET /")); got.StatusCode != 200 {
			t.Fatalf("status %d, want 200: %s", got.StatusCode, got.body)
		}
		counted.waitFor(t, "during a request from before", 2)
		tenant.unblock()
		if status := <-slow; status != 200 {
			t.Errorf("slow request: status %d, want 200", status)
		}
		counted.waitFor(t, "after that request", 1)
		close(loaded)
		if got := <-late; got.StatusCode != 200 { // it began before, and is sent to the tenant only now
			t.Errorf("status %d, want 200: %s", got.StatusCode, got.body)
		}
		counted.waitFor(t, "after a request that was sent late", 1)
	}
}

func TestReconfigure_ReviewsTunnels(t *testing.T) {
	r := newReconfigurable(t, options{tenant: echo})
	own, same := r.openWebSocket(listed, "/"), r.openWebSocket(public, "/")
	r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Policy.PublicOrigins = nil })
	expectClose(t, "removed public origin", same, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "listed origin", own)
	r.nextExchange() // the closed tunnel, which is no longer counted then
	if got := r.proxy.Tunnels().Counts()["acme"]; got != 1 {
		t.Errorf("%d open tunnels, want 1", got)
	}
	r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Mode = proxy.Headers })
	lenient := r.openWebSocket(unlisted, "/")
	r.reconfigure(unchanged)
	expectEcho(t, "mode headers", lenient)
	r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Mode = proxy.Enforce })
	expectClose(t, "mode enforce again", lenient, websocket.StatusPolicyViolation, "revoked")
	r.reconfigure(func(c *proxy.Config) { c.Tenants = c.Tenants[1:] })
	expectClose(t, "removed tenant", own, websocket.StatusPolicyViolation, "revoked")
}

// A tunnel that opens during Reconfigure was allowed by the old configuration, and is
// not open yet when Reconfigure reviews all tunnels.
func TestReconfigure_ReviewsTunnelThatIsBeingOpened(t *testing.T) {
	for rule, load := range map[string]liststest.Loader{
		"list available":   nil,
		"list unavailable": func(context.Context, string) (*origins.List, error) { return nil, errors.New("the store is down") },
	} {
		var r *reconfigurable
		r = newReconfigurable(t, options{load: load, tenant: func(w http.ResponseWriter, req *http.Request) {
			r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Policy.PublicOrigins = nil })
			echo(w, req)
		}})
		expectClose(t, rule, r.openWebSocket(public, "/"), websocket.StatusPolicyViolation, "revoked")
	}
}

func TestReconfigure_KeepsTunnelsForCloseTunnels(t *testing.T) {
	r := newReconfigurable(t, options{tenant: echo})
	early := r.openWebSocket(listed, "/")
	r.reconfigure(unchanged)
	late := r.openWebSocket(listed, "/")
	go r.proxy.Tunnels().Close(t.Context())
	expectClose(t, "tunnel from before", early, websocket.StatusGoingAway, "shutdown")
	expectClose(t, "tunnel from after", late, websocket.StatusGoingAway, "shutdown")
}
