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

// tlsTenant is a tenant of TLS that echoes bodies and offers what offers has. Asked
// for /leave, it closes its connections.
type tlsTenant struct {
	*httptest.Server
	offers atomic.Pointer[[]string]
	hello  func() // called in each handshake; nil is nobody

	mu      sync.Mutex
	states  map[net.Conn]http.ConnState
	changed chan bool // has room for one
}

// unused returns how many connections are open that have had no request.
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

func (s *tlsTenant) note(conn net.Conn, state http.ConnState) {
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
	tenant.Config.ConnState = tenant.note
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

func (s *tlsTenant) use(c *proxy.Config) {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	upstream, _ := url.Parse(s.URL)
	c.Tenants[0].Upstream, c.Tenants[0].UpstreamTLS = upstream, &tls.Config{RootCAs: roots}
}

// A tenant may come back speaking another protocol. No body is lost on the way.
func TestGateway_SendsABodyByTheProtocolThatTheTenantSpeaksNow(t *testing.T) {
	for _, protocol := range protocols() {
		tenant := newTLSTenant(t, "h2", "http/1.1")
		w := newWorld(t, options{protocol: protocol, config: tenant.use})
		for _, row := range []struct {
			offers []string
			want   string
		}{
			{[]string{"h2", "http/1.1"}, "HTTP/2.0 body"},
			{[]string{"http/1.1"}, "HTTP/1.1 body"},
			{[]string{"h2", "http/1.1"}, "HTTP/2.0 body"},
		} {
			tenant.offers.Store(&row.offers)
			w.send(request("GET /leave")) // the connection is known to be closed when it is answered
			if got := w.send(request("POST /", "Content-Length: 4") + "body"); got.StatusCode != 200 || got.body != row.want {
				t.Errorf("%s: %d %q, want %q", protocol, got.StatusCode, got.body, row.want)
			}
		}
	}
}

// Requests that find out together what the tenant speaks open more connections
// than one. None is kept that nobody uses: the tenant would close it unnoticed, and
// a request of later be lost on it.
func TestGateway_KeepsNoConnectionThatHasAgreedOnHTTP2Unused(t *testing.T) {
	const together = 4
	tenant := newTLSTenant(t, "h2")
	var met sync.WaitGroup
	met.Add(together)
	var hellos atomic.Int32
	tenant.hello = func() {
		if hellos.Add(1) <= together {
			met.Done()
			met.Wait()
		}
	}
	w := newWorld(t, options{config: tenant.use})
	var requests sync.WaitGroup
	for range together {
		requests.Go(func() { w.send(request("GET /")) })
	}
	requests.Wait()
	patience := time.After(5 * time.Second)
	for tenant.unused() > 0 {
		select {
		case <-tenant.changed:
		case <-patience:
			t.Fatalf("%d connections are open and unused", tenant.unused())
		}
	}
}

// A client that pauses in its body has the whole response nevertheless, and its
// exchange is over.
func TestGateway_WaitsForNoBodyThatTheTenantDoesNotTake(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
			c.Tenants[0].Upstream = newRawTenant(t, answering("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n")).url
		}})
		conn := w.dial()
		io.WriteString(conn, request("POST /", "Content-Length: 1000000")+"begin")
		if got := w.read(bufio.NewReader(conn), "POST"); got.StatusCode != 413 {
			t.Errorf("%s: %d", protocol, got.StatusCode)
		}
		if x := w.observed(); x.Cut || x.Limit != "" {
			t.Errorf("%s: %+v", protocol, x)
		}
	}
}
