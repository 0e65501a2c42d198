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

// clientCertificate returns one that has a serial number, and nothing else.
func clientCertificate(t *testing.T, serial int64) tls.Certificate {
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

// asking is a tenant that asks for certificates. Its answers are the serial number
// of the one it got; those to /slow wait, and those to /socket are echoes.
type asking struct {
	*held
	*connections
	*httptest.Server
	roots *x509.CertPool
}

func newAsking(t *testing.T, http2 bool) *asking {
	t.Helper()
	a := &asking{held: newHeld(), connections: &connections{open: map[net.Conn]bool{}, changed: make(chan struct{}, 1)}, roots: x509.NewCertPool()}
	a.Server = httptest.NewUnstartedServer(a)
	a.EnableHTTP2, a.Config.ConnState = http2, a.note
	a.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	a.StartTLS()
	t.Cleanup(a.Close)
	t.Cleanup(a.letGo)
	a.roots.AddCert(a.Certificate())
	return a
}

func (a *asking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/socket":
		echo(w, r)
	case "/slow":
		a.held.ServeHTTP(w, r)
	default:
		io.WriteString(w, r.TLS.PeerCertificates[0].SerialNumber.String())
	}
}

func (a *asking) shown(t *testing.T, serial int64) *tls.Config {
	return &tls.Config{RootCAs: a.roots, Certificates: []tls.Certificate{clientCertificate(t, serial)}}
}

func (a *asking) world(t *testing.T) (w *world, used *tls.Config) {
	used = a.shown(t, 1)
	return newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream, _ = url.Parse(a.URL)
		c.Tenants[0].UpstreamTLS = used
	}}), used
}

func (w *world) expectBody(rule, want string) {
	w.t.Helper()
	if got := w.send(request("GET /")); got.body != want {
		w.t.Errorf("%s: %d %q, want %q", rule, got.StatusCode, got.body, want)
	}
}

func TestGateway_RenewsTheTLSOfATenant(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		tenant := newAsking(t, http2)
		w, used := tenant.world(t)
		w.expectBody("at first", "1")
		socket := w.open(listed, "/socket")
		slow := tenant.ask(w)
		w.expectBody("beside what runs", "1")
		w.proxy.RenewTLS(used, tenant.shown(t, 2))
		tenant.await(t, "of what runs", 1) // and of the socket, which is not counted
		w.expectBody("afterwards", "2")
		tenant.letGo()
		if status := <-slow; status != 200 {
			t.Errorf("what ran: %d", status)
		}
		tenant.await(t, "when that has ended", 1)
		w.expectBody("at last", "2")
		expectEcho(t, "what was open", socket)
	}
}

func TestGateway_RenewsTheTLSOfNoTenantThatHasAnother(t *testing.T) {
	w := newWorld(t, options{tenant: newHeld().ServeHTTP})
	connection := w.send(request("GET /")).body
	w.proxy.RenewTLS(new(tls.Config), new(tls.Config))
	w.expectBody("on the same connection", connection)
}

func TestGateway_RenewsTLSWhileItAnswers(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		tenant := newAsking(t, http2)
		w, used := tenant.world(t)
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for range 10 {
					if got := w.send(request("POST /", "Content-Length: 4") + "body"); got.StatusCode != 200 {
						t.Errorf("%d %s", got.StatusCode, got.body)
					}
				}
			})
		}
		ended := make(chan struct{})
		go func() {
			asking.Wait()
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
			next := tenant.shown(t, serial)
			w.proxy.RenewTLS(used, next)
			used = next
		}
		w.expectBody("at last", strconv.FormatInt(serial, 10))
	}
}
