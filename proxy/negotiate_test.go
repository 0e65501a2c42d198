package proxy_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/proxy"
)

// tlsTenant is a TLS server that echoes bodies and negotiates the protocols in
// offers. A request for /leave makes it close its connections.
type tlsTenant struct {
	*httptest.Server
	offers atomic.Pointer[[]string]
	hello  func() // called in each handshake unless nil

	mu      sync.Mutex
	states  map[net.Conn]http.ConnState
	changed chan bool // of capacity 1
}

// unused returns the number of open connections that have carried no request.
func (s *tlsTenant) unused() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range s.states {
		if state == http.StateNew {
			n++
		}
	}
	return n
}

func (s *tlsTenant) recordState(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[conn] = state
	select {
	case s.changed <- true:
	default:
	}
}

func newTLSTenant(t *testing.T, offers ...string) *tlsTenant {
	tenant := &tlsTenant{states: map[net.Conn]http.ConnState{}, changed: make(chan bool, 1)}
	tenant.offers.Store(&offers)
	tenant.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/leave" {
			go tenant.CloseClientConnections()
			<-r.Context().Done()
			return
		}
		io.WriteString(w, r.Proto+" ")
		io.Copy(w, r.Body)
	}))
	tenant.EnableHTTP2 = true
	tenant.Config.ConnState = tenant.recordState
	base := new(tls.Config)
	tenant.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if tenant.hello != nil {
			tenant.hello()
		}
		config := base.Clone()
		config.NextProtos = *tenant.offers.Load()
		return config, nil
	}}
	tenant.StartTLS()
	base.Certificates = tenant.TLS.Certificates
	t.Cleanup(tenant.Close)
	return tenant
}

func (s *tlsTenant) configure(c *proxy.Config) {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	upstream, _ := url.Parse(s.URL)
	c.Tenants[0].Upstream, c.Tenants[0].UpstreamTLS = upstream, &tls.Config{RootCAs: roots}
}

// A tenant may support other protocols after a restart. The body must not be lost
// then.
func TestGateway_SendsBodyAfterTenantChangesProtocol(t *testing.T) {
	for _, protocol := range protocols() {
		tenant := newTLSTenant(t, "h2", "http/1.1")
		h := newHarness(t, options{protocol: protocol, config: tenant.configure})
		for _, row := range []struct {
			offers []string
			want   string
		}{
			{[]string{"h2", "http/1.1"}, "HTTP/2.0 body"},
			{[]string{"http/1.1"}, "HTTP/1.1 body"},
			{[]string{"h2", "http/1.1"}, "HTTP/2.0 body"},
		} {
			tenant.offers.Store(&row.offers)
			h.send(request("GET /leave")) // when it responds, the gateway has noticed the close
			if got := h.send(request("POST /", "Content-Length: 4") + "body"); got.StatusCode != 200 || got.body != row.want {
				t.Errorf("%s: status %d, body %q; want %q", protocol, got.StatusCode, got.body, row.want)
			}
		}
	}
}

// Concurrent first requests open several connections to negotiate the protocol. The
// gateway must not keep unused ones: the tenant would close them unnoticed, and a
// later request could be lost.
func TestGateway_ClosesUnusedHTTP2Connections(t *testing.T) {
	const concurrent = 4
	tenant := newTLSTenant(t, "h2")
	var started sync.WaitGroup
	started.Add(concurrent)
	var hellos atomic.Int32
	tenant.hello = func() {
		if hellos.Add(1) <= concurrent {
			started.Done()
			started.Wait()
		}
	}
	h := newHarness(t, options{config: tenant.configure})
	var requests sync.WaitGroup
	for range concurrent {
		requests.Go(func() { h.send(request("GET /")) })
	}
	requests.Wait()
	timeout := time.After(5 * time.Second)
	for tenant.unused() > 0 {
		select {
		case <-tenant.changed:
		case <-timeout:
			t.Fatalf("%d unused connections are open, want none", tenant.unused())
		}
	}
}

// A client that stalls in its body still gets the complete response, and the exchange
// ends.
func TestGateway_EndsExchangeIfTenantDoesNotReadBody(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
			c.Tenants[0].Upstream = newRawTenant(t, respondWith("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n")).url
		}})
		conn := h.dial()
		io.WriteString(conn, request("POST /", "Content-Length: 1000000")+"begin")
		if got := h.read(bufio.NewReader(conn), "POST"); got.StatusCode != 413 {
			t.Errorf("%s: status %d, want 413", protocol, got.StatusCode)
		}
		if x := h.nextExchange(); x.Cut || x.Limit != "" {
			t.Errorf("%s: exchange %+v, want no limit", protocol, x)
		}
	}
}
