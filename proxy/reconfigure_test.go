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

// reconfigured is a world whose gateway gets other configurations.
type reconfigured struct {
	*world
	cfg proxy.Config
}

func newReconfigured(t *testing.T, o options) *reconfigured {
	t.Helper()
	r := &reconfigured{}
	config := o.config
	o.config = func(c *proxy.Config) {
		if config != nil {
			config(c)
		}
		r.cfg = *c
	}
	r.world = newWorld(t, o)
	return r
}

// reconfigure changes the configuration that the gateway serves by.
func (r *reconfigured) reconfigure(change func(*proxy.Config)) {
	r.t.Helper()
	r.cfg.Tenants = append([]proxy.Tenant{}, r.cfg.Tenants...)
	change(&r.cfg)
	if err := r.proxy.Reconfigure(r.cfg); err != nil {
		r.t.Fatal(err)
	}
}

func unchanged(*proxy.Config) {}

// held is a tenant whose answers to /slow wait.
type held struct {
	entered, release chan struct{}
	once             sync.Once
}

func newHeld() *held { return &held{entered: make(chan struct{}, 1), release: make(chan struct{})} }

func (h *held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/slow" {
		h.entered <- struct{}{}
		<-h.release
	}
	io.WriteString(w, r.RemoteAddr)
}

func (h *held) letGo() { h.once.Do(func() { close(h.release) }) }

// ask has a slow request under way, and returns how it is answered.
func (h *held) ask(w *world) <-chan int {
	done := make(chan int, 1)
	go func() {
		r, _ := http.NewRequest("GET", w.gateway.URL+"/slow", nil)
		r.Host = "acme.example"
		response, err := w.gateway.Client().Do(r)
		if err != nil {
			done <- 0
			return
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		done <- response.StatusCode
	}()
	<-h.entered
	return done
}

func TestReconfigure_KeepsTheCountOfRequestsInFlight(t *testing.T) {
	tenant := newHeld()
	defer tenant.letGo()
	r := newReconfigured(t, options{tenant: tenant.ServeHTTP, config: func(c *proxy.Config) { c.InFlightPerTenant = 1 }})
	slow := tenant.ask(r.world)
	r.reconfigure(unchanged)
	if got := r.send(request("GET /")); got.StatusCode != 503 || got.code() != "OVERLOADED" {
		t.Errorf("beside one that began before: %d %s", got.StatusCode, got.body)
	}
	r.reconfigure(func(c *proxy.Config) { c.InFlightPerTenant = 2 })
	if got := r.send(request("GET /")); got.StatusCode != 200 {
		t.Errorf("with a higher limit: %d %s", got.StatusCode, got.body)
	}
	if got := r.send(request("GET /", "Host: empty.example")); got.StatusCode != 200 {
		t.Errorf("of another tenant: %d %s", got.StatusCode, got.body)
	}
	r.reconfigure(func(c *proxy.Config) { c.InFlightPerTenant = 1 })
	if got := r.send(request("GET /")); got.code() != "OVERLOADED" {
		t.Errorf("with a lower limit: %d %s", got.StatusCode, got.body)
	}
	tenant.letGo()
	if status := <-slow; status != 200 {
		t.Errorf("what ran: %d", status)
	}
	for range 5 { // those before, and when the slow one is no longer counted
		r.observed()
	}
	if got := r.send(request("GET /")); got.StatusCode != 200 {
		t.Errorf("when it has ended: %d %s", got.StatusCode, got.body)
	}
}

func TestReconfigure_ServesByTheNewConfiguration(t *testing.T) {
	r := newReconfigured(t, options{})
	rows := []struct {
		rule     string
		raw      string
		was, now int
	}{
		{"another mode", request("GET /", "Origin: "+unlisted), 403, 200},
		{"a tenant that is gone", request("GET /", "Host: empty.example"), 200, 421},
		{"a limit", request("GET /?123456789"), 200, 414},
	}
	for _, row := range rows {
		if got := r.send(row.raw); got.StatusCode != row.was {
			t.Errorf("%s: before, %d", row.rule, got.StatusCode)
		}
	}
	r.reconfigure(func(c *proxy.Config) {
		c.Tenants[0].Mode = proxy.Report
		c.Tenants = c.Tenants[:1]
		c.URLBytes = 8
	})
	for _, row := range rows {
		if got := r.send(row.raw); got.StatusCode != row.now {
			t.Errorf("%s: afterwards, %d", row.rule, got.StatusCode)
		}
	}
}

func TestReconfigure_LeavesAnExchangeTheConfigurationThatItBeganWith(t *testing.T) {
	tenant := newHeld()
	defer tenant.letGo()
	r := newReconfigured(t, options{tenant: tenant.ServeHTTP})
	answers := make(chan answer)
	go func() { answers <- r.send(request("GET /slow", "Origin: "+listed)) }()
	<-tenant.entered
	r.reconfigure(func(c *proxy.Config) {
		c.CORS.ExposeHeaders = nil
		c.Tenants[0].Mode = proxy.Report
		c.OnEnd = nil
	})
	tenant.letGo()
	expectCORS(t, "what began before", <-answers, sharedWith(listed))
	if got := r.observed(); got.Mode != proxy.Enforce {
		t.Errorf("observed in the mode %v", got.Mode)
	}
	expectCORS(t, "what begins afterwards", r.send(request("GET /", "Origin: "+listed)), nil)
}

func TestReconfigure_ChangesNothingWhereTenantsHaveMistakes(t *testing.T) {
	r := newReconfigured(t, options{tenant: newHeld().ServeHTTP})
	connection := r.send(request("GET /")).body
	cfg := r.cfg
	cfg.URLBytes, cfg.Timeouts.Response = 1, time.Second
	cfg.Tenants = append([]proxy.Tenant{}, cfg.Tenants[0], cfg.Tenants[1], proxy.Tenant{ID: "double", Hosts: []string{"acme.example"}, Upstream: cfg.Tenants[0].Upstream})
	cfg.Tenants[0].Mode = proxy.Report
	if err := r.proxy.Reconfigure(cfg); err == nil {
		t.Error("two tenants have the same host")
	}
	if got := r.send(request("GET /abc")); got.StatusCode != 200 || got.body != connection {
		t.Errorf("the limits and connections: %d %s, %s before", got.StatusCode, got.body, connection)
	}
	if got := r.send(request("GET /", "Origin: "+unlisted)); got.StatusCode != 403 {
		t.Errorf("the mode: %d", got.StatusCode)
	}
}

func TestReconfigure_KeepsConnectionsToTenantsWhoseRouteIsTheSame(t *testing.T) {
	tenant := httptest.NewTLSServer(newHeld())
	defer tenant.Close()
	secure, _ := url.Parse(tenant.URL)
	roots := x509.NewCertPool()
	roots.AddCert(tenant.Certificate())
	for scheme, with := range map[string]func(*proxy.Config){
		"http": unchanged,
		"https": func(c *proxy.Config) {
			c.Tenants[0].Upstream, c.Tenants[0].UpstreamTLS = secure, &tls.Config{RootCAs: roots}
		},
	} {
		r := newReconfigured(t, options{tenant: newHeld().ServeHTTP, config: with})
		connection := r.send(request("GET /")).body
		r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Mode, c.Timeouts.WebSocketIdle = proxy.Headers, time.Minute })
		if got := r.send(request("GET /")).body; got != connection {
			t.Errorf("%s, the same timeouts: %s, then %s", scheme, connection, got)
		}
		r.reconfigure(func(c *proxy.Config) { c.Timeouts.Response += time.Second })
		if got := r.send(request("GET /")).body; got == connection {
			t.Errorf("%s, other timeouts: the same connection", scheme)
		}
	}
}

// connections counts the connections that a server has.
type connections struct {
	mu      sync.Mutex
	open    map[net.Conn]bool
	changed chan struct{}
}

func (c *connections) note(conn net.Conn, state http.ConnState) {
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

// await waits until so many are open.
func (c *connections) await(t *testing.T, rule string, want int) {
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
			t.Fatalf("%s: %d connections are open, not %d", rule, open, want)
		}
	}
}

// A connection of HTTP/2 that is in use when its transport retires is not idle
// then, and net/http would keep it for as long as an idle one.
func TestReconfigure_LeavesNoConnectionBehind(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		tenant := newHeld()
		defer tenant.letGo()
		counted := &connections{open: map[net.Conn]bool{}, changed: make(chan struct{}, 1)}
		server := httptest.NewUnstartedServer(tenant)
		server.EnableHTTP2, server.Config.ConnState = http2, counted.note
		server.StartTLS()
		defer server.Close()
		upstream, _ := url.Parse(server.URL)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		loading, loaded := make(chan struct{}), make(chan struct{})
		r := newReconfigured(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Upstream, c.Tenants[0].UpstreamTLS = upstream, &tls.Config{RootCAs: roots}
		}, load: func(ctx context.Context, tenant string) (*origins.List, error) {
			close(loading)
			<-loaded
			return loadTwo(ctx, tenant)
		}})
		slow := tenant.ask(r.world)
		late := make(chan answer)
		go func() { late <- r.send(request("GET /", "Origin: "+listed)) }()
		<-loading
		r.reconfigure(func(c *proxy.Config) { c.Tenants[0].UpstreamTLS = &tls.Config{RootCAs: roots} })
		if got := r.send(request("GET /")); got.StatusCode != 200 {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
		counted.await(t, "while a request from before runs", 2)
		tenant.letGo()
		if status := <-slow; status != 200 {
			t.Errorf("what ran: %d", status)
		}
		counted.await(t, "when it has ended", 1)
		close(loaded)
		if got := <-late; got.StatusCode != 200 { // which began before, and asks its tenant only now
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
		counted.await(t, "after a late one", 1)
	}
}

func TestReconfigure_DecidesOnTunnelsAgain(t *testing.T) {
	r := newReconfigured(t, options{tenant: echo})
	own, same := r.open(listed, "/"), r.open(public, "/")
	r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Policy.PublicOrigins = nil })
	expectClose(t, "no public origin any more", same, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "a listed origin", own)
	r.observed() // the one that was closed, when it is no longer counted
	if got := r.proxy.Tunnels()["acme"]; got != 1 {
		t.Errorf("the gateway has %d", got)
	}
	r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Mode = proxy.Headers })
	lenient := r.open(unlisted, "/")
	r.reconfigure(unchanged)
	expectEcho(t, "in a mode that refuses none", lenient)
	r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Mode = proxy.Enforce })
	expectClose(t, "in enforce again", lenient, websocket.StatusPolicyViolation, "revoked")
	r.reconfigure(func(c *proxy.Config) { c.Tenants = c.Tenants[1:] })
	expectClose(t, "of a tenant that is gone", own, websocket.StatusPolicyViolation, "revoked")
}

// A tunnel that opens while the gateway is reconfigured was decided on by what is
// no longer in force, and is not open yet when all tunnels are decided on again.
func TestReconfigure_DecidesOnATunnelAgainThatWasAboutToOpen(t *testing.T) {
	for rule, load := range map[string]liststest.Loader{
		"the list is there":       nil,
		"the list is unavailable": func(context.Context, string) (*origins.List, error) { return nil, errors.New("the store is down") },
	} {
		var r *reconfigured
		r = newReconfigured(t, options{load: load, tenant: func(w http.ResponseWriter, req *http.Request) {
			r.reconfigure(func(c *proxy.Config) { c.Tenants[0].Policy.PublicOrigins = nil })
			echo(w, req)
		}})
		expectClose(t, rule, r.open(public, "/"), websocket.StatusPolicyViolation, "revoked")
	}
}

func TestReconfigure_LeavesTheTunnelsFromBeforeToCloseTunnels(t *testing.T) {
	r := newReconfigured(t, options{tenant: echo})
	early := r.open(listed, "/")
	r.reconfigure(unchanged)
	late := r.open(listed, "/")
	go r.proxy.CloseTunnels(t.Context())
	expectClose(t, "from before", early, websocket.StatusGoingAway, "shutdown")
	expectClose(t, "from afterwards", late, websocket.StatusGoingAway, "shutdown")
}
