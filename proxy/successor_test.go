package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/proxy"
)

// succession is a world whose gateway gets successors.
type succession struct {
	*world
	cfg proxy.Config
}

func newSuccession(t *testing.T, o options) *succession {
	t.Helper()
	s := &succession{}
	config := o.config
	o.config = func(c *proxy.Config) {
		if config != nil {
			config(c)
		}
		s.cfg = *c
	}
	s.world = newWorld(t, o)
	return s
}

// succeed returns the world of a successor with a changed configuration, which has
// taken over.
func (s *succession) succeed(change func(*proxy.Config)) *succession {
	s.t.Helper()
	cfg := s.cfg
	cfg.Tenants = append([]proxy.Tenant{}, cfg.Tenants...)
	change(&cfg)
	next, err := s.proxy.Successor(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	next.TakeOver(s.proxy)
	w := &world{t: s.t, proxy: next, lists: s.lists, exchanges: s.exchanges, gateway: httptest.NewServer(next)}
	s.t.Cleanup(func() {
		w.gateway.Close()
		next.Close()
	})
	return &succession{w, cfg}
}

func asItIs(*proxy.Config) {}

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

func TestSuccessor_CountsWhatIsInFlightWithItsPredecessor(t *testing.T) {
	tenant := newHeld()
	defer tenant.letGo()
	first := newSuccession(t, options{tenant: tenant.ServeHTTP, config: func(c *proxy.Config) { c.InFlightPerTenant = 1 }})
	slow := tenant.ask(first.world)
	second := first.succeed(asItIs)
	if got := second.send(request("GET /")); got.StatusCode != 503 || got.code() != "OVERLOADED" {
		t.Errorf("beside one of the predecessor: %d %s", got.StatusCode, got.body)
	}
	third := second.succeed(func(c *proxy.Config) { c.InFlightPerTenant = 2 })
	if got := third.send(request("GET /")); got.StatusCode != 200 {
		t.Errorf("with a higher limit: %d %s", got.StatusCode, got.body)
	}
	if got := third.send(request("GET /", "Host: empty.example")); got.StatusCode != 200 {
		t.Errorf("of another tenant: %d %s", got.StatusCode, got.body)
	}
	fourth := third.succeed(asItIs)
	tenant.letGo()
	if status := <-slow; status != 200 {
		t.Errorf("what ran: %d", status)
	}
	if got := fourth.send(request("GET /")); got.StatusCode != 200 {
		t.Errorf("when it has ended: %d %s", got.StatusCode, got.body)
	}
}

func TestSuccessor_AnswersByItsOwnConfiguration(t *testing.T) {
	first := newSuccession(t, options{})
	second := first.succeed(func(c *proxy.Config) {
		c.Tenants[0].Mode = proxy.Report
		c.Tenants = c.Tenants[:1]
		c.URLBytes = 8
	})
	for _, row := range []struct {
		rule     string
		raw      string
		was, now int
	}{
		{"another mode", request("GET /", "Origin: "+unlisted), 403, 200},
		{"a tenant that is gone", request("GET /", "Host: empty.example"), 200, 421},
		{"a limit", request("GET /?123456789"), 200, 414},
	} {
		if got := first.send(row.raw); got.StatusCode != row.was {
			t.Errorf("%s: the predecessor answers %d", row.rule, got.StatusCode)
		}
		if got := second.send(row.raw); got.StatusCode != row.now {
			t.Errorf("%s: the successor answers %d", row.rule, got.StatusCode)
		}
	}
}

func TestSuccessor_RefusesMistakesAndLeavesThePredecessorAsItIs(t *testing.T) {
	first := newSuccession(t, options{})
	cfg := first.cfg
	cfg.Tenants = append(cfg.Tenants, proxy.Tenant{ID: "double", Hosts: []string{"acme.example"}, Upstream: cfg.Tenants[0].Upstream})
	if next, err := first.proxy.Successor(cfg); err == nil || next != nil {
		t.Errorf("got %v, %v", next, err)
	}
	if got := first.send(request("GET /")); got.StatusCode != 200 {
		t.Errorf("afterwards: %d", got.StatusCode)
	}
}

func TestSuccessor_KeepsConnectionsToTenantsWhereTimeoutsAreTheSame(t *testing.T) {
	first := newSuccession(t, options{tenant: newHeld().ServeHTTP})
	connection := first.send(request("GET /")).body
	second := first.succeed(func(c *proxy.Config) { c.Tenants[0].Mode = proxy.Headers })
	if got := second.send(request("GET /")).body; got != connection {
		t.Errorf("the same timeouts: %s, then %s", connection, got)
	}
	third := second.succeed(func(c *proxy.Config) { c.Timeouts.Response += time.Second })
	if got := third.send(request("GET /")).body; got == connection {
		t.Error("other timeouts: the same connection")
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
func TestSuccessor_LeavesNoConnectionBehind(t *testing.T) {
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
		first := newSuccession(t, options{config: func(c *proxy.Config) {
			c.Tenants[0].Upstream, c.Tenants[0].UpstreamTLS = upstream, &tls.Config{RootCAs: roots}
		}})
		slow := tenant.ask(first.world)
		second := first.succeed(asItIs)
		if got := second.send(request("GET /")); got.StatusCode != 200 {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
		counted.await(t, "while a request of the predecessor runs", 2)
		tenant.letGo()
		if status := <-slow; status != 200 {
			t.Errorf("what ran: %d", status)
		}
		counted.await(t, "when it has ended", 1)
		if got := first.send(request("GET /")); got.StatusCode != 200 { // which came too late
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
		counted.await(t, "after a late one", 1)
	}
}

func TestSuccessor_DecidesOnTunnelsAgain(t *testing.T) {
	first := newSuccession(t, options{tenant: echo})
	own, same := first.open(listed, "/"), first.open(public, "/")
	second := first.succeed(func(c *proxy.Config) { c.Tenants[0].Policy.PublicOrigins = nil })
	expectClose(t, "no public origin any more", same, websocket.StatusPolicyViolation, "revoked")
	expectEcho(t, "a listed origin", own)
	second.observed() // the one that was closed, when it is no longer counted
	if got := second.proxy.Tunnels()["acme"]; got != 1 {
		t.Errorf("the successor has %d", got)
	}
	third := second.succeed(func(c *proxy.Config) { c.Tenants[0].Mode = proxy.Headers })
	lenient := third.open(unlisted, "/")
	fourth := third.succeed(asItIs)
	expectEcho(t, "in a mode that refuses none", lenient)
	fifth := fourth.succeed(func(c *proxy.Config) { c.Tenants[0].Mode = proxy.Enforce })
	expectClose(t, "in enforce again", lenient, websocket.StatusPolicyViolation, "revoked")
	fifth.succeed(func(c *proxy.Config) { c.Tenants = c.Tenants[1:] })
	expectClose(t, "of a tenant that is gone", own, websocket.StatusPolicyViolation, "revoked")
}

func TestSuccessor_ClosesTheTunnelsOfAllBeforeIt(t *testing.T) {
	first := newSuccession(t, options{tenant: echo})
	early := first.open(listed, "/")
	second := first.succeed(asItIs)
	late := second.open(listed, "/")
	go second.proxy.CloseTunnels(t.Context())
	expectClose(t, "of the predecessor", early, websocket.StatusGoingAway, "shutdown")
	expectClose(t, "its own", late, websocket.StatusGoingAway, "shutdown")
}
