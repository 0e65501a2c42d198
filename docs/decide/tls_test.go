package decide_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	acrossNetwork = "Across a network"
	decideName    = "decide.internal" // which the gateway's certificate is for
)

// An encrypted deployment has a gateway that answers only proxies with a certificate.
type encrypted struct {
	deployment            // without an edge
	own        *authority // of the gateway's certificate
	proxies    *authority // of those that may ask
}

// startEncrypted starts a gateway with the configuration of acrossNetwork.
func startEncrypted(t *testing.T, p product, keys ...string) *encrypted {
	t.Helper()
	e := &encrypted{deployment{product: p, application: startApplication(t)}, newAuthority(t), newAuthority(t)}
	dir := t.TempDir()
	e.own.issue(t, decideName, soon()).write(t, dir, "decide")
	write(t, dir+"/proxies-ca.crt", e.proxies.text)
	encrypted := replaceOnce(t, readBlock(t, acrossNetwork, "yaml"), "dialect: nginx", "dialect: "+p.dialect)
	plain := fmt.Sprintf("decide:\n  listen: 127.0.0.1:9191\n  dialect: %s\n", p.dialect)
	config := replaceOnce(t, p.config(t, e.application, keys...), plain, encrypted)
	e.gateway = startGateway(t, strings.ReplaceAll(config, "/etc/originwarden/", dir+"/"))
	return e
}

// startEdge starts an edge for an application, which has a certificate or none, and asks
// at an address.
func (e *encrypted) startEdge(t *testing.T, own *pair, a *application, decide string) *deployment {
	t.Helper()
	d := &deployment{product: e.product, application: a, gateway: e.gateway}
	d.files = func(t *testing.T, dir, address string) map[string]string {
		files := maps.Clone(e.files(t, dir, address))
		e.useTLS(t, files)
		files["originwarden-ca.crt"] = e.own.text
		if own == nil {
			files["config"] = replaceOnce(t, files["config"], e.ownCertificate, "")
		} else {
			own.write(t, dir, e.command)
		}
		return files
	}
	d.startEdge(t, decide)
	return d
}

// soon returns when certificates expire that are valid.
func soon() time.Time { return time.Now().Add(time.Hour) }

func TestDecide_OnlyProxiesWithCertificatesAreAnswered(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		e := startEncrypted(t, p, upstream, publicPaths)
		e.gateway.list(t, "shop", shop)
		own := e.proxies.issue(t, "proxy", soon())
		d := e.startEdge(t, &own, e.application, e.gateway.decide)
		d.checkRows(t, rows)
		t.Run("others", func(t *testing.T) {
			for rule, own := range map[string]*pair{
				"without a certificate":                   nil,
				"with a certificate of another authority": new(newAuthority(t).issue(t, "proxy", soon())),
				"with a certificate that has expired":     new(e.proxies.issue(t, "proxy", time.Now().Add(-time.Hour))),
			} {
				t.Run(rule, func(t *testing.T) {
					t.Parallel()
					e.startEdge(t, own, startApplication(t), e.gateway.decide).checkAllClosed(t, p.unasked...)
				})
			}
		})
		if n := strings.Count(e.gateway.finalLog(t), `"asked":true`); n != len(rows) {
			t.Errorf("%d questions, want %d", n, len(rows))
		}
		t.Run("gone", func(t *testing.T) { d.checkAllClosed(t, p.gone) })
	})
}

// An impostor has the address of a gateway, and would have everything forwarded.
type impostor struct {
	*httptest.Server
	shown atomic.Pointer[tls.Certificate]
	asked atomic.Int64
}

// startImpostor starts one that resumes sessions, as a gateway without client_ca does, or
// one that does not.
func startImpostor(t *testing.T, resumes bool) *impostor {
	i := new(impostor)
	i.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { i.asked.Add(1) }))
	i.Listener = tls.NewListener(i.Listener, &tls.Config{
		SessionTicketsDisabled: !resumes,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.shown.Load(), nil },
	})
	i.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
	i.Config.SetKeepAlivesEnabled(false)
	i.Start()
	t.Cleanup(i.Close)
	return i
}

// The certificate is checked again whenever a connection is opened.
func TestDecide_ImpostorsAreNotAsked(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		for _, resumes := range []bool{true, false} {
			e := &encrypted{deployment{product: p, application: startApplication(t)}, newAuthority(t), newAuthority(t)}
			i, own := startImpostor(t, resumes), e.proxies.issue(t, "proxy", soon())
			d := e.startEdge(t, &own, e.application, i.Listener.Addr().String())
			for _, row := range []struct {
				certificate string
				shown       pair
				asked       bool
			}{
				{"expired", e.own.issue(t, decideName, time.Now().Add(-time.Hour)), false},
				{"for another name", e.own.issue(t, "other.internal", soon()), false},
				{"of another authority", newAuthority(t).issue(t, decideName, soon()), false},
				{"of the gateway", e.own.issue(t, decideName, soon()), true},
				{"expired since", e.own.issue(t, decideName, time.Now().Add(-time.Hour)), false},
				{"of the gateway again", e.own.issue(t, decideName, soon()), true},
			} {
				loaded := row.shown.load(t)
				i.shown.Store(&loaded)
				i.asked.Store(0)
				got := d.throughEdge(t, plain)
				isClosed := slices.Contains(p.unasked, got.status) && got.reached == ""
				if asked := i.asked.Load() > 0; asked != row.asked || isClosed == row.asked {
					t.Errorf("resumes %v, certificate %s: asked: %v, %+v", resumes, row.certificate, asked, got)
				}
			}
		}
	})
}
