package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"originwarden/proxy"
)

// newClientCertificate returns a certificate with the given serial number.
func newClientCertificate(t *testing.T, serial int64) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// mtlsTenant is a tenant that requires a client certificate and responds with its
// serial number. /slow blocks, and /socket is a WebSocket that echoes.
type mtlsTenant struct {
	*blockingTenant
	*connectionCounter
	*httptest.Server
	roots *x509.CertPool
}

func newMTLSTenant(t *testing.T, http2 bool) *mtlsTenant {
	t.Helper()
	m := &mtlsTenant{blockingTenant: newBlockingTenant(), connectionCounter: &connectionCounter{open: map[net.Conn]bool{}, changed: make(chan struct{}, 1)}, roots: x509.NewCertPool()}
	m.Server = httptest.NewUnstartedServer(m)
	m.EnableHTTP2, m.Config.ConnState = http2, m.recordState
	m.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	m.StartTLS()
	t.Cleanup(m.Close)
	t.Cleanup(m.unblock)
	m.roots.AddCert(m.Certificate())
	return m
}

func (m *mtlsTenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/socket":
		echo(w, r)
	case "/slow":
		m.blockingTenant.ServeHTTP(w, r)
	default:
		io.WriteString(w, r.TLS.PeerCertificates[0].SerialNumber.String())
	}
}

func (m *mtlsTenant) tlsConfig(t *testing.T, serial int64) *tls.Config {
	return &tls.Config{RootCAs: m.roots, Certificates: []tls.Certificate{newClientCertificate(t, serial)}}
}

func (m *mtlsTenant) newHarness(t *testing.T) (h *harness, used *tls.Config) {
	used = m.tlsConfig(t, 1)
	return newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream, _ = url.Parse(m.URL)
		c.Tenants[0].UpstreamTLS = used
	}}), used
}

func (h *harness) expectBody(rule, want string) {
	h.t.Helper()
	if got := h.send(request("GET /")); got.body != want {
		h.t.Errorf("%s: status %d, body %q; want %q", rule, got.StatusCode, got.body, want)
	}
}

func TestRenewTLS_ReplacesClientCertificate(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		tenant := newMTLSTenant(t, http2)
		h, used := tenant.newHarness(t)
		h.expectBody("before", "1")
		socket := h.openWebSocket(listed, "/socket")
		slow := tenant.startSlowRequest(h)
		h.expectBody("during a slow request", "1")
		h.proxy.RenewTLS(used, tenant.tlsConfig(t, 2))
		tenant.waitFor(t, "during a slow request", 1) // the WebSocket is not counted
		h.expectBody("after RenewTLS", "2")
		tenant.unblock()
		if status := <-slow; status != 200 {
			t.Errorf("slow request: status %d, want 200", status)
		}
		tenant.waitFor(t, "after the slow request", 1)
		h.expectBody("after the slow request", "2")
		expectEcho(t, "open WebSocket", socket)
	}
}

func TestRenewTLS_IgnoresTenantsWithOtherConfig(t *testing.T) {
	h := newHarness(t, options{tenant: newBlockingTenant().ServeHTTP})
	connection := h.send(request("GET /")).body
	h.proxy.RenewTLS(new(tls.Config), new(tls.Config))
	h.expectBody("same connection", connection)
}

func TestRenewTLS_IsSafeDuringRequests(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		tenant := newMTLSTenant(t, http2)
		h, used := tenant.newHarness(t)
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for range 10 {
					if got := h.send(request("POST /", "Content-Length: 4") + "body"); got.StatusCode != 200 {
						t.Errorf("status %d, want 200: %s", got.StatusCode, got.body)
					}
				}
			})
		}
		ended := make(chan struct{})
		go func() {
			clients.Wait()
			close(ended)
		}()
		serial := int64(1)
		for running := true; running; {
			select {
			case <-ended:
				running = false
			default:
			}
			serial++
			next := tenant.tlsConfig(t, serial)
			h.proxy.RenewTLS(used, next)
			used = next
		}
		h.expectBody("after the last RenewTLS", strconv.FormatInt(serial, 10))
	}
}
