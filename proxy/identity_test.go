package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"originwarden/proxy"
)

// authenticatingConnections is a tenant that takes a connection for the user who
// authenticated it, as servers do with NTLM and Negotiate.
func authenticatingConnections(scheme string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, from *bufio.Reader) {
		user := ""
		for {
			lines, err := readHead(from)
			if err != nil {
				return
			}
			status, extra := "200 OK", ""
			switch credentials := fieldOf(lines, "Authorization"); {
			case credentials == scheme+" first":
				status, extra, user = "401 Unauthorized", "WWW-Authenticate: "+scheme+" challenge\r\n", ""
			case strings.HasPrefix(credentials, scheme+" "):
				user = strings.TrimPrefix(credentials, scheme+" ")
			case user == "" && strings.Contains(lines[0], "/anonymous"):
			case user == "":
				status, extra = "401 Unauthorized", "WWW-Authenticate: "+scheme+"\r\n"
			}
			fmt.Fprintf(conn, "HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\nuser %s", status, extra, len("user ")+len(user), user)
		}
	}
}

// onOneConnection asks on one connection of a client for what each header line
// says, and returns the bodies.
func (w *world) onOneConnection(conn net.Conn, headers ...string) (bodies []string) {
	reader := bufio.NewReader(conn)
	for _, header := range headers {
		io.WriteString(conn, request("GET /", header))
		bodies = append(bodies, w.read(reader, "GET").body)
	}
	return bodies
}

func TestGateway_SharesNoConnectionThatStandsForAUser(t *testing.T) {
	for _, scheme := range []string{"NTLM", "Negotiate"} {
		for _, protocol := range []protocol{http1, http1TLS} {
			w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
				upstream := newRawTenant(t, authenticatingConnections(scheme)).url
				c.Tenants[0].Upstream, c.Tenants[1].Upstream = upstream, upstream
			}})
			alice := w.dial()
			got := w.onOneConnection(alice, "Authorization: "+scheme+" first", "Authorization: "+scheme+" alice", "X: another request of hers")
			if want := []string{"user ", "user alice", "user alice"}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, %s: alice is answered %q, want %q", scheme, protocol, got, want)
			}
			for rule, raw := range map[string]string{
				"another client":                         request("GET /"),
				"another tenant's client":                request("GET /", "Host: empty.example"),
				"another client that needs no challenge": request("GET /anonymous"),
			} {
				if got := w.send(raw); got.body != "user " {
					t.Errorf("%s, %s: %s is answered as %q", scheme, protocol, rule, got.body)
				}
			}
			if got := w.onOneConnection(alice, "X: after the others"); got[0] != "user alice" {
				t.Errorf("%s, %s: alice is %q after the others", scheme, protocol, got[0])
			}
		}
	}
}

// Whoever authenticates without having been challenged has a connection alone too.
func TestGateway_SharesNoConnectionAfterCredentialsAlone(t *testing.T) {
	w := newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, authenticatingConnections("Negotiate")).url
	}})
	w.onOneConnection(w.dial(), "Authorization: Negotiate alice")
	if got := w.send(request("GET /anonymous")); got.body != "user " {
		t.Errorf("another client is %q", got.body)
	}
}

// Over HTTP/2 one connection may have the requests of many clients.
func TestGateway_SharesNoConnectionThatStandsForAUserOverHTTP2(t *testing.T) {
	w := newWorld(t, options{protocol: http2, config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, authenticatingConnections("NTLM")).url
	}})
	if got := w.send(request("GET /", "Authorization: NTLM alice")); got.body != "user alice" {
		t.Errorf("alice is %q", got.body)
	}
	for range 3 {
		if got := w.send(request("GET /anonymous")); got.body != "user " {
			t.Errorf("the next stream is answered as %q", got.body)
		}
	}
}

func TestGateway_ClosesAClientsOwnConnectionsWithIts(t *testing.T) {
	closed := make(chan bool, 1)
	w := newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
			authenticatingConnections("NTLM")(conn, from)
			closed <- true
		}).url
	}})
	alice := w.dial()
	w.onOneConnection(alice, "Authorization: NTLM alice")
	select {
	case <-closed:
		t.Error("the tenant's connection is closed before the client's")
	default:
	}
	alice.Close()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("the tenant's connection outlasts the client's")
	}
}

// HTTP/2 has no place for users of connections, so that a tenant which asks for
// them is spoken to by HTTP/1.1 from then on.
func TestGateway_LeavesHTTP2ForATenantThatAuthenticatesConnections(t *testing.T) {
	spoken := make(chan string, 1)
	tenant := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if spoken <- r.Proto; r.URL.Path == "/private" {
			rw.Header().Set("WWW-Authenticate", "Negotiate")
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	tenant.EnableHTTP2 = true
	tenant.StartTLS()
	t.Cleanup(tenant.Close)
	w := newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream, _ = url.Parse(tenant.URL)
		c.Tenants[0].UpstreamTLS = tenant.Client().Transport.(*http.Transport).TLSClientConfig
	}})
	for i, row := range []struct{ raw, want string }{
		{request("GET /"), "HTTP/2.0"},
		{request("GET /", "Authorization: Negotiate alice"), "HTTP/1.1"},
		{request("GET /"), "HTTP/2.0"},
		{request("GET /private"), "HTTP/2.0"},
		{request("GET /"), "HTTP/1.1"},
	} {
		w.send(row.raw)
		if got := <-spoken; got != row.want {
			t.Errorf("request %d is sent by %s, want %s", i, got, row.want)
		}
	}
}

func TestGateway_PoolsConnectionsThatStandForNobody(t *testing.T) {
	tenant := newRawTenant(t, answering("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"NTLM, Negotiate\"\r\nContent-Length: 0\r\n\r\n"))
	w := newWorld(t, options{config: func(c *proxy.Config) { c.Tenants[0].Upstream = tenant.url }})
	for range 5 {
		w.send(request("GET /", "Authorization: Basic TmVnb3RpYXRl"))
		w.observed()
	}
	if n := tenant.connections(); n != 1 {
		t.Errorf("%d connections to the tenant, want one for all", n)
	}
}
