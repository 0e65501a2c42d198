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

// authenticateConnections serves a connection as one user, the one who has
// authenticated on it, as servers do with NTLM and Negotiate.
func authenticateConnections(scheme string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, from *bufio.Reader) {
		user := ""
		for {
			lines, err := readHead(from)
			if err != nil {
				return
			}
			status, extra := "200 OK", ""
			switch credentials := fieldValue(lines, "Authorization"); {
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

// sendOnConnection sends a request for each header line on the connection, and
// returns the bodies of the responses.
func (h *harness) sendOnConnection(conn net.Conn, headers ...string) (bodies []string) {
	reader := bufio.NewReader(conn)
	for _, header := range headers {
		io.WriteString(conn, request("GET /", header))
		bodies = append(bodies, h.read(reader, "GET").body)
	}
	return bodies
}

func TestGateway_DoesNotShareAuthenticatedConnection(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"NTLM", "Negotiate"} {
		for _, protocol := range []protocol{http1, http1TLS} {
			h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
				upstream := newRawTenant(t, authenticateConnections(scheme)).url
				c.Tenants[0].Upstream, c.Tenants[1].Upstream = upstream, upstream
			}})
			alice := h.dial()
			got := h.sendOnConnection(alice, "Authorization: "+scheme+" first", "Authorization: "+scheme+" alice", "X: another request of hers")
			if want := []string{"user ", "user alice", "user alice"}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, %s: bodies for alice %q, want %q", scheme, protocol, got, want)
			}
			for rule, raw := range map[string]string{
				"other client":                        request("GET /"),
				"client of other tenant":              request("GET /", "Host: empty.example"),
				"other client without authentication": request("GET /anonymous"),
			} {
				if got := h.send(raw); got.body != "user " {
					t.Errorf("%s, %s: %s got %q, want no user", scheme, protocol, rule, got.body)
				}
			}
			if got := h.sendOnConnection(alice, "X: after the others"); got[0] != "user alice" {
				t.Errorf("%s, %s: body %q after the others, want \"user alice\"", scheme, protocol, got[0])
			}
		}
	}
}

// This also holds for a client that authenticates without a challenge.
func TestGateway_DoesNotShareConnectionAfterUnpromptedCredentials(t *testing.T) {
	h := newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, authenticateConnections("Negotiate")).url
	}})
	h.sendOnConnection(h.dial(), "Authorization: Negotiate alice")
	if got := h.send(request("GET /anonymous")); got.body != "user " {
		t.Errorf("other client got %q, want no user", got.body)
	}
}

// One HTTP/2 connection can carry the requests of many clients.
func TestGateway_DoesNotShareAuthenticatedConnectionOverHTTP2(t *testing.T) {
	h := newHarness(t, options{protocol: http2, config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, authenticateConnections("NTLM")).url
	}})
	if got := h.send(request("GET /", "Authorization: NTLM alice")); got.body != "user alice" {
		t.Errorf("body %q, want \"user alice\"", got.body)
	}
	for range 3 {
		if got := h.send(request("GET /anonymous")); got.body != "user " {
			t.Errorf("next stream got %q, want no user", got.body)
		}
	}
}

func TestGateway_ClosesAuthenticatedConnectionWithClientConnection(t *testing.T) {
	closed := make(chan bool, 1)
	h := newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream = newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
			authenticateConnections("NTLM")(conn, from)
			closed <- true
		}).url
	}})
	alice := h.dial()
	h.sendOnConnection(alice, "Authorization: NTLM alice")
	select {
	case <-closed:
		t.Error("tenant connection closed before the client connection")
	default:
	}
	alice.Close()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("tenant connection not closed with the client connection")
	}
}

// HTTP/2 does not permit authentication of connections, so the gateway uses HTTP/1.1
// for a tenant that asks for it.
func TestGateway_UsesHTTP1ForTenantThatAuthenticatesConnections(t *testing.T) {
	protos := make(chan string, 1)
	tenant := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if protos <- r.Proto; r.URL.Path == "/private" {
			rw.Header().Set("WWW-Authenticate", "Negotiate")
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	tenant.EnableHTTP2 = true
	tenant.StartTLS()
	t.Cleanup(tenant.Close)
	h := newHarness(t, options{config: func(c *proxy.Config) {
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
		h.send(row.raw)
		if got := <-protos; got != row.want {
			t.Errorf("request %d: sent over %s, want %s", i, got, row.want)
		}
	}
}

func TestGateway_SharesConnectionsWithBasicAuthentication(t *testing.T) {
	tenant := newRawTenant(t, respondWith("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"NTLM, Negotiate\"\r\nContent-Length: 0\r\n\r\n"))
	h := newHarness(t, options{config: func(c *proxy.Config) { c.Tenants[0].Upstream = tenant.url }})
	for range 5 {
		h.send(request("GET /", "Authorization: Basic TmVnb3RpYXRl"))
		h.nextExchange()
	}
	if n := tenant.connectionCount(); n != 1 {
		t.Errorf("%d connections to the tenant, want 1", n)
	}
}
