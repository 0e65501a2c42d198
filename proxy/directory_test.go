package proxy_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"originwarden/proxy"
)

// directory is a proxy.Directory of some tenants. It counts calls of Tenant.
type directory struct {
	tenants  []proxy.Tenant
	compiled atomic.Int64
}

func (d *directory) Len() int { return len(d.tenants) }

func (d *directory) IndexOfHost(host string) int {
	return slices.IndexFunc(d.tenants, func(t proxy.Tenant) bool { return slices.Contains(t.Hosts, host) })
}

func (d *directory) IndexOfID(id string) int {
	return slices.IndexFunc(d.tenants, func(t proxy.Tenant) bool { return t.ID == id })
}

func (d *directory) Tenant(index int) *proxy.Tenant {
	d.compiled.Add(1)
	t := d.tenants[index]
	t.Hosts = nil
	return &t
}

// inDirectory moves all tenants of c but the first n into a new directory.
func inDirectory(c *proxy.Config, n int) *directory {
	d := &directory{tenants: c.Tenants[n:]}
	c.Tenants, c.Directory = c.Tenants[:n], d
	return d
}

func TestDirectory_HasTenants(t *testing.T) {
	for _, lane := range []string{"fast", "reference"} {
		var d *directory
		h := newHarness(t, options{lane: lane, config: func(c *proxy.Config) { d = inDirectory(c, 0) }})
		if n := d.compiled.Load(); n != 0 {
			t.Errorf("%d tenants were compiled before a request", n)
		}
		for _, row := range []struct {
			rule, raw string
			status    int
			tenant    string
		}{
			{"listed origin", request("GET /", "Origin: "+listed), 200, "acme"},
			{"unlisted origin", request("GET /", "Origin: "+unlisted), 403, "acme"},
			{"other tenant", request("GET /", "Host: empty.example", "Origin: "+listed), 403, "empty"},
			{"host in upper case, with a port and a dot", request("GET /", "Host: ACME.example.:8080"), 200, "acme"},
			{"preflight", request("OPTIONS /", "Origin: "+listed, "Access-Control-Request-Method: PUT"), 204, "acme"},
			{"the API", request("GET /api/v1/web-integrations", "Origin: "+listed), 200, "acme"},
			{"unknown host", request("GET /", "Host: gone.example"), 421, ""},
			{"no host", request("GET /", "Host: "), 421, ""},
		} {
			got := h.send(row.raw)
			if x := h.nextExchange(); got.StatusCode != row.status || x.Tenant != row.tenant {
				t.Errorf("%s, %s lane: status %d of %q, want %d of %q: %s", row.rule, lane, got.StatusCode, x.Tenant, row.status, row.tenant, got.body)
			}
		}
		if n := d.compiled.Load(); n != 2 {
			t.Errorf("%s lane: tenants were compiled %d times, want once each", lane, n)
		}
	}
}

func TestDirectory_CompilesTenantOnce(t *testing.T) {
	var d *directory
	h := newHarness(t, options{config: func(c *proxy.Config) { d = inDirectory(c, 1) }})
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			if got := h.send(request("GET /", "Host: empty.example")); got.StatusCode != 200 {
				t.Errorf("status %d", got.StatusCode)
			}
		})
	}
	clients.Wait()
	if n := d.compiled.Load(); n != 1 {
		t.Errorf("compiled %d times", n)
	}
}

// A reload compiles those that were used, and keeps what belongs to them.
func TestDirectory_KeepsUsedTenantsOnReconfigure(t *testing.T) {
	tenant := newBlockingTenant()
	defer tenant.unblock()
	r := newReconfigurable(t, options{tenant: tenant.ServeHTTP, config: func(c *proxy.Config) {
		c.InFlightPerTenant = 1
		inDirectory(c, 0)
	}})
	connection := r.send(request("GET /")).body
	r.nextExchange() // it is not in flight any more
	slow := tenant.startSlowRequest(r.harness)
	var next *directory
	r.reconfigure(func(c *proxy.Config) {
		c.Tenants = c.Directory.(*directory).tenants
		next = inDirectory(c, 0)
	})
	if n := next.compiled.Load(); n != 1 {
		t.Errorf("%d tenants were compiled, want the one that was used", n)
	}
	if got := r.send(request("GET /")); got.code() != "OVERLOADED" {
		t.Errorf("during a request from before: status %d, want 503 OVERLOADED: %s", got.StatusCode, got.body)
	}
	// It is a tenant of its own now.
	r.reconfigure(func(c *proxy.Config) { c.Tenants, c.Directory = next.tenants, nil })
	if got := r.send(request("GET /")); got.code() != "OVERLOADED" {
		t.Errorf("as a tenant of its own: status %d, want 503 OVERLOADED: %s", got.StatusCode, got.body)
	}
	r.reconfigure(func(c *proxy.Config) { inDirectory(c, 1) })
	tenant.unblock()
	if status := <-slow; status != 200 {
		t.Errorf("slow request: status %d, want 200", status)
	}
	for range 3 { // the last is the slow request, whose connection is kept then
		r.nextExchange()
	}
	if got := r.send(request("GET /")); got.StatusCode != 200 || got.body != connection {
		t.Errorf("connection %s: status %d, want that from before, %s", got.body, got.StatusCode, connection)
	}
}

func TestDirectory_RemovedTenantIsGone(t *testing.T) {
	r := newReconfigurable(t, options{tenant: echo, config: func(c *proxy.Config) { inDirectory(c, 0) }})
	open := r.openWebSocket(listed, "/")
	r.reconfigure(func(c *proxy.Config) { c.Tenants = c.Directory.(*directory).tenants[1:]; inDirectory(c, 0) })
	expectClose(t, "removed tenant", open, websocket.StatusPolicyViolation, "revoked")
	for host, want := range map[string]int{"acme.example": 421, "empty.example": 426} {
		if got := r.send(request("GET /", "Host: "+host)); got.StatusCode != want {
			t.Errorf("%s: status %d, want %d", host, got.StatusCode, want)
		}
	}
}

func TestNew_RefusesHostOfDirectory(t *testing.T) {
	r := newReconfigurable(t, options{})
	cfg := r.cfg
	cfg.Directory = &directory{tenants: []proxy.Tenant{{ID: "other", Hosts: []string{"acme.example"}}}}
	if err := r.proxy.Reconfigure(cfg); err == nil || err.Error() != "tenants other and acme both have the host acme.example" {
		t.Errorf("error %v", err)
	}
}
