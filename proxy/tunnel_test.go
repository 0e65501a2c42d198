package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
)

const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

func handshake(target string, headers ...string) string {
	return request("GET "+target, append(headers, "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key)...)
}

// echo is a tenant that returns every WebSocket message.
func echo(rw http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(rw, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

// acceptUpgrade responds to a handshake with 101 and the given header lines. Then it
// sends "hello." and echoes what it receives until "bye.".
func acceptUpgrade(more string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n"+more+"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello.")
		for {
			message, err := buffered.ReadString('.')
			if err != nil || message == "bye." {
				return
			}
			io.WriteString(conn, message)
		}
	}
}

func TestGateway_DecidesWebSocketHandshakes(t *testing.T) {
	rows := []struct {
		rule, raw string
		status    int
		reason    string
	}{
		{"listed origin", handshake("/", "Origin: "+listed), 101, "listed"},
		{"public origin", handshake("/", "Origin: "+public), 101, "same_origin"},
		{"no origin", handshake("/"), 101, "no_origin"},
		{"upper case in Upgrade", strings.Replace(handshake("/", "Origin: "+listed), "Upgrade: websocket", "Upgrade: WebSocket", 1), 101, "listed"},
		{"two Connection lines", strings.Replace(handshake("/", "Origin: "+listed), "keep-alive, Upgrade", "keep-alive\r\nConnection: upgrade", 1), 101, "listed"},
		{"unlisted origin", handshake("/", "Origin: "+unlisted), 403, "origin_not_listed"},
		{"opaque origin", handshake("/", "Origin: null"), 403, "origin_opaque"},
		{"repeated origin", handshake("/", "Origin: "+listed, "Origin: "+listed), 400, "origin_repeated"},
		{"web integration in query", handshake("/?qlik-csrf-token=x&qlik-web-integration-id=first", "Origin: "+listed), 101, "listed"},
		{"other web integration in query", handshake("/?qlik-web-integration-id=second", "Origin: "+listed), 403, "origin_not_in_web_integration"},
		{"unknown web integration in query", handshake("/?qlik-web-integration-id=third", "Origin: "+listed), 403, "web_integration_unknown"},
	}
	for _, protocol := range []protocol{http1, http1TLS} {
		h := newHarness(t, options{protocol: protocol, tenant: acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
		for _, row := range rows {
			conn := h.dial()
			io.WriteString(conn, row.raw)
			got, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "GET"})
			if err != nil {
				t.Fatalf("%s: %v", row.rule, err)
			}
			conn.Close()
			x := h.nextExchange()
			saw := h.tenantRequests()
			if got.StatusCode != row.status || x.Reason != row.reason || x.Kind != origins.WebSocket || (len(saw) == 1) != (row.status == 101) || (x.UpstreamTime != 0) != (row.status == 101) {
				t.Errorf("%s: status %d, reason %q; want %d, %q; tenant received %v", row.rule, got.StatusCode, x.Reason, row.status, row.reason, saw)
			}
		}
	}
}

func TestGateway_RequiresOriginForWebSocket(t *testing.T) {
	h := newHarness(t, options{policy: func(p *origins.Policy) { p.RequireOrigin = origins.RequireWebSocket }})
	if got := h.send(handshake("/")); got.StatusCode != 403 || got.code() != "origin_required" || len(h.tenantRequests()) > 0 {
		t.Errorf("status %d, want 403: %s", got.StatusCode, got.body)
	}
}

func TestGateway_RelaysBothDirections(t *testing.T) {
	h := newHarness(t, options{tenant: echo})
	header := http.Header{"Origin": {listed}}
	conn, _, err := websocket.Dial(t.Context(), h.gateway.URL, &websocket.DialOptions{Host: "acme.example", HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, message := range []string{"a", strings.Repeat("b", 20_000), ""} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.Read(t.Context()); err != nil || string(got) != message {
			t.Fatalf("got message %q, error %v", got, err)
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("closing: %v", err)
	}
	if x := h.nextExchange(); x.Status != 101 || x.Sent < 20_000 || x.Cut || x.ResponseTime > x.Duration {
		t.Errorf("exchange %+v", x)
	}
}

func TestGateway_RelaysBytesSentWithHandshake(t *testing.T) {
	h := newHarness(t, options{protocol: http1TLS, tenant: acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
	conn := h.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed)+"early.")
	reader := bufio.NewReader(conn)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("handshake: response %v, error %v; want 101", res, err)
	}
	for _, want := range []string{"hello.", "early."} {
		if got, err := reader.ReadString('.'); got != want {
			t.Fatalf("got %q, error %v; want %q", got, err, want)
		}
	}
	io.WriteString(conn, "bye.")
	if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
		t.Errorf("got %q, error %v after the end; want EOF", rest, err)
	}
}

func TestGateway_RemovesHeadersFromHandshakeResponse(t *testing.T) {
	h := newHarness(t, options{tenant: acceptUpgrade("Connection: upgrade, X-Hop\r\nUpgrade: WebSocket\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n" +
		"Access-Control-Allow-Origin: *\r\nSec-WebSocket-Protocol: chat\r\n")})
	conn := h.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := response{Response: res}
	expectCORS(t, "101", got, onlyVary())
	for name, want := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "X-Hop": "", "Keep-Alive": "",
		"Sec-Websocket-Protocol": "chat", "Sec-Websocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="} {
		if got := strings.Join(res.Header[name], " and "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestGateway_RefusesOtherUpgradeProtocols(t *testing.T) {
	for rule, row := range map[string]struct {
		raw, tenant string
		status      int
	}{
		"tenant switches to other protocol": {handshake("/", "Origin: "+listed), "Connection: Upgrade\r\nUpgrade: h2c\r\n", 502},
		"tenant names no protocol":          {handshake("/", "Origin: "+listed), "", 502},
		"client requests h2c":               {request("GET /", "Connection: Upgrade", "Upgrade: h2c"), "Connection: Upgrade\r\nUpgrade: h2c\r\n", 502},
		"client requests TLS/1.0":           {request("GET /", "Connection: Upgrade", "Upgrade: TLS/1.0"), "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n", 502},
	} {
		h := newHarness(t, options{tenant: acceptUpgrade(row.tenant)})
		if got := h.send(row.raw); got.StatusCode != row.status || got.code() != "UPSTREAM_UNREACHABLE" {
			t.Errorf("%s: status %d, want %d UPSTREAM_UNREACHABLE: %s", rule, got.StatusCode, row.status, got.body)
		}
	}
}

func TestGateway_ForwardsResponseOfTenantThatRefusesHandshake(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		for _, status := range []int{http.StatusOK, http.StatusUpgradeRequired} {
			h := newHarness(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, r *http.Request) {
				addCORSHeaders(rw.Header())
				rw.WriteHeader(status)
				io.WriteString(rw, "not here")
			}})
			conn := h.dial()
			io.WriteString(conn, handshake("/", "Origin: "+listed)+request("GET /next", "Origin: "+unlisted))
			reader := bufio.NewReader(conn)
			got := h.read(reader, "GET")
			if got.StatusCode != status || got.body != "not here" {
				t.Errorf("status %d, body %q; want %d, \"not here\"", got.StatusCode, got.body, status)
			}
			expectCORS(t, fmt.Sprint("status ", status), got, allowedCORS(listed))
			if next := h.read(reader, "GET"); next.StatusCode != 403 {
				t.Errorf("next request on the connection: status %d, want 403", next.StatusCode)
			}
		}
	}
}

// httputil.ReverseProxy would leave the connection open.
func TestGateway_ClosesTenantConnectionAfterRefusedUpgrade(t *testing.T) {
	for rule, raw := range map[string]string{
		"other protocol": handshake("/", "Origin: "+listed),
		"unrequested":    request("GET /", "Origin: "+listed),
	} {
		closed := make(chan error, 1)
		h := newHarness(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
			_, err = buffered.ReadByte()
			closed <- err
		}})
		got := h.send(raw)
		if err := <-closed; got.StatusCode != 502 || errors.Is(err, os.ErrDeadlineExceeded) || err == nil {
			t.Errorf("%s: status %d, tenant connection: %v; want 502 and the connection closed", rule, got.StatusCode, err)
		}
		expectCORS(t, rule, got, allowedCORS(listed))
	}
}

func TestGateway_InModeHeadersForwardsHandshakeOfUnlistedOrigin(t *testing.T) {
	h := newHarness(t, options{mode: proxy.Headers, tenant: acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
	conn := h.dial()
	io.WriteString(conn, handshake("/", "Origin: "+unlisted))
	if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 101 {
		t.Errorf("handshake: response %v, error %v; want 101", res, err)
	}
}

func TestGateway_InModeReportDoesNotChangeHandshakeResponse(t *testing.T) {
	for mode, want := range map[proxy.Mode][]string{
		proxy.Enforce: {"Vary: Accept, Origin"},
		proxy.Headers: {"Vary: Accept, Origin"},
		proxy.Report:  {"Access-Control-Allow-Origin: *", "Vary: Accept"},
	} {
		h := newHarness(t, options{mode: mode, tenant: acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\nVary: Accept\r\nAccess-Control-Allow-Origin: *\r\n")})
		origin := unlisted
		if mode == proxy.Enforce {
			origin = listed
		}
		conn := h.dial()
		io.WriteString(conn, handshake("/", "Origin: "+origin))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 101 {
			t.Fatalf("%v: handshake: response %v, error %v; want 101", mode, res, err)
		}
		expectCORS(t, mode.String(), response{Response: res}, want)
	}
}

// An Upgrade that Connection does not name is not for the gateway (RFC 9110, section
// 7.8).
func TestGateway_IgnoresUpgradeWithoutConnection(t *testing.T) {
	h := newHarness(t, options{policy: func(p *origins.Policy) { p.RequireOrigin = origins.RequireWebSocket }})
	got := h.send(request("GET /", "Upgrade: websocket", key))
	if x := h.nextExchange(); got.StatusCode != 200 || x.Kind != origins.Actual {
		t.Errorf("status %d, want 200; exchange %+v", got.StatusCode, x)
	}
}

// A client that half-closes its tunnel still receives, and what it sends with its
// handshake comes before the rest, however much that is.
func TestGateway_RelaysAfterClientHalfClosesTunnel(t *testing.T) {
	tenant := func(rw http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		all, _ := io.ReadAll(buffered)
		conn.Write(all)
	}
	for _, protocol := range []protocol{http1, http1TLS} {
		for _, early := range []int{0, 100, 5000, 12000, 40000} {
			h := newHarness(t, options{protocol: protocol, tenant: tenant})
			conn := h.dial()
			text := strings.Repeat("0123456789", early/10)
			io.WriteString(conn, handshake("/", "Origin: "+listed)+text)
			reader := bufio.NewReader(conn)
			if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
				t.Fatalf("handshake: response %v, error %v; want 101", res, err)
			}
			io.WriteString(conn, "the last word")
			conn.(interface{ CloseWrite() error }).CloseWrite()
			if rest, err := io.ReadAll(reader); string(rest) != text+"the last word" || err != nil {
				t.Errorf("%s, %d bytes with the handshake: got %d, ending in %q, error %v", protocol, early, len(rest), rest[max(0, len(rest)-20):], err)
			}
			if x := h.nextExchange(); x.TunnelEnd != "client" || x.Sent != int64(len(text+"the last word")) {
				t.Errorf("%s, %d bytes with the handshake: exchange %+v, want it ended by the client", protocol, early, x)
			}
		}
	}
}

func TestGateway_OpensTunnelToTenantOverTLS(t *testing.T) {
	tenant := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(tenant.Close)
	h := newHarness(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream, _ = url.Parse(tenant.URL)
		c.Tenants[0].UpstreamTLS = tenant.Client().Transport.(*http.Transport).TLSClientConfig
	}})
	conn := h.openWebSocket(listed, "/")
	expectEcho(t, "over TLS", conn)
	liststest.Apply(h.lists, emptyFirst())
	expectClose(t, "over TLS", conn, websocket.StatusPolicyViolation, "revoked")
}

// deadlineListener is a listener whose connections record their write deadlines.
type deadlineListener struct {
	net.Listener
	deadlines chan time.Time
}

func (l deadlineListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return deadlineConn{conn, l.deadlines}, err
}

type deadlineConn struct {
	net.Conn
	deadlines chan time.Time
}

func (c deadlineConn) SetWriteDeadline(at time.Time) error {
	c.deadlines <- at
	return c.Conn.SetWriteDeadline(at)
}

// The write of the handshake response has a deadline, which is removed for the tunnel.
func TestGateway_LimitsWriteOfHandshakeResponseOnly(t *testing.T) {
	h := newHarness(t, options{tenant: acceptUpgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
	server := httptest.NewUnstartedServer(h.proxy)
	defer server.Close()
	deadlines := make(chan time.Time, 10)
	server.Listener = deadlineListener{server.Listener, deadlines}
	server.Start()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	reader := bufio.NewReader(conn)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("handshake: response %v, error %v; want 101", res, err)
	}
	if hello, err := reader.ReadString('.'); hello != "hello." {
		t.Fatalf("got %q, error %v; want \"hello.\"", hello, err)
	}
	if len(deadlines) != 2 {
		t.Fatalf("%d write deadlines set, want 2", len(deadlines))
	}
	if first, last := <-deadlines, <-deadlines; first.IsZero() || !last.IsZero() {
		t.Errorf("write deadlines %v and %v, want one for the response and none for the tunnel", first, last)
	}
}
