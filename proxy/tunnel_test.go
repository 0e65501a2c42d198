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

// echo is a tenant that speaks WebSocket by a library.
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

// upgrading answers a handshake with a 101 that has more header lines, then
// says hello and sends back what it gets until "bye".
func upgrading(more string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n"+more+"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello.")
		for {
			said, err := buffered.ReadString('.')
			if err != nil || said == "bye." {
				return
			}
			io.WriteString(conn, said)
		}
	}
}

func TestGateway_DecidesWebSocketHandshakes(t *testing.T) {
	rows := []struct {
		rule, raw string
		status    int
		reason    string
	}{
		{"a listed origin", handshake("/", "Origin: "+listed), 101, "listed"},
		{"a public origin", handshake("/", "Origin: "+public), 101, "same_origin"},
		{"no origin", handshake("/"), 101, "no_origin"},
		{"in another case", strings.Replace(handshake("/", "Origin: "+listed), "Upgrade: websocket", "Upgrade: WebSocket", 1), 101, "listed"},
		{"on two lines of Connection", strings.Replace(handshake("/", "Origin: "+listed), "keep-alive, Upgrade", "keep-alive\r\nConnection: upgrade", 1), 101, "listed"},
		{"an unlisted origin", handshake("/", "Origin: "+unlisted), 403, "origin_not_listed"},
		{"an opaque origin", handshake("/", "Origin: null"), 403, "origin_opaque"},
		{"two origins", handshake("/", "Origin: "+listed, "Origin: "+listed), 400, "origin_repeated"},
		{"the web integration in the query", handshake("/?qlik-csrf-token=x&qlik-web-integration-id=first", "Origin: "+listed), 101, "listed"},
		{"another one", handshake("/?qlik-web-integration-id=second", "Origin: "+listed), 403, "origin_not_in_web_integration"},
		{"an unknown one", handshake("/?qlik-web-integration-id=third", "Origin: "+listed), 403, "web_integration_unknown"},
	}
	for _, protocol := range []protocol{http1, http1TLS} {
		w := newWorld(t, options{protocol: protocol, tenant: upgrading("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
		for _, row := range rows {
			conn := w.dial()
			io.WriteString(conn, row.raw)
			got, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "GET"})
			if err != nil {
				t.Fatalf("%s: %v", row.rule, err)
			}
			conn.Close()
			x := w.observed()
			saw := w.tenantSaw()
			if got.StatusCode != row.status || x.Reason != row.reason || x.Kind != origins.WebSocket || (len(saw) == 1) != (row.status == 101) || (x.UpstreamTime != 0) != (row.status == 101) {
				t.Errorf("%s: %d, %q; the tenant saw %v", row.rule, got.StatusCode, x.Reason, saw)
			}
		}
	}
}

func TestGateway_RequiresAnOriginOfWebSockets(t *testing.T) {
	w := newWorld(t, options{policy: func(p *origins.Policy) { p.RequireOrigin = origins.RequireWebSocket }})
	if got := w.send(handshake("/")); got.StatusCode != 403 || got.code() != "origin_required" || len(w.tenantSaw()) > 0 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestGateway_TunnelsBothWays(t *testing.T) {
	w := newWorld(t, options{tenant: echo})
	header := http.Header{"Origin": {listed}}
	conn, _, err := websocket.Dial(t.Context(), w.gateway.URL, &websocket.DialOptions{Host: "acme.example", HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, message := range []string{"a", strings.Repeat("b", 20_000), ""} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.Read(t.Context()); err != nil || string(got) != message {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("closing: %v", err)
	}
	if x := w.observed(); x.Status != 101 || x.Sent < 20_000 || x.Cut || x.ResponseTime > x.Duration {
		t.Errorf("observed %+v", x)
	}
}

func TestGateway_TunnelsWhatCameWithTheHandshake(t *testing.T) {
	w := newWorld(t, options{protocol: http1TLS, tenant: upgrading("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
	conn := w.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed)+"early.")
	reader := bufio.NewReader(conn)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("%v, %v", res, err)
	}
	for _, want := range []string{"hello.", "early."} {
		if got, err := reader.ReadString('.'); got != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	io.WriteString(conn, "bye.")
	if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v behind the end", rest, err)
	}
}

func TestGateway_CleansTheHandshakesAnswer(t *testing.T) {
	w := newWorld(t, options{tenant: upgrading("Connection: upgrade, X-Hop\r\nUpgrade: WebSocket\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n" +
		"Access-Control-Allow-Origin: *\r\nSec-WebSocket-Protocol: chat\r\n")})
	conn := w.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := answer{Response: res}
	expectCORS(t, "a 101", got, unshared())
	for name, want := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "X-Hop": "", "Keep-Alive": "",
		"Sec-Websocket-Protocol": "chat", "Sec-Websocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="} {
		if got := strings.Join(res.Header[name], " and "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestGateway_JoinsNoOtherProtocol(t *testing.T) {
	for rule, row := range map[string]struct {
		raw, tenant string
		status      int
	}{
		"the tenant switches to another protocol": {handshake("/", "Origin: "+listed), "Connection: Upgrade\r\nUpgrade: h2c\r\n", 502},
		"the tenant names none":                   {handshake("/", "Origin: "+listed), "", 502},
		"h2c is not asked of the tenant":          {request("GET /", "Connection: Upgrade", "Upgrade: h2c"), "Connection: Upgrade\r\nUpgrade: h2c\r\n", 502},
		"nor TLS/1.0":                             {request("GET /", "Connection: Upgrade", "Upgrade: TLS/1.0"), "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n", 502},
	} {
		w := newWorld(t, options{tenant: upgrading(row.tenant)})
		if got := w.send(row.raw); got.StatusCode != row.status || got.code() != "UPSTREAM_UNREACHABLE" {
			t.Errorf("%s: %d %s", rule, got.StatusCode, got.body)
		}
	}
}

func TestGateway_ARefusedHandshakeOfTheTenantIsAnOrdinaryAnswer(t *testing.T) {
	for _, protocol := range []protocol{http1, http1TLS} {
		for _, status := range []int{http.StatusOK, http.StatusUpgradeRequired} {
			w := newWorld(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, r *http.Request) {
				hostile(rw.Header())
				rw.WriteHeader(status)
				io.WriteString(rw, "not here")
			}})
			conn := w.dial()
			io.WriteString(conn, handshake("/", "Origin: "+listed)+request("GET /next", "Origin: "+unlisted))
			reader := bufio.NewReader(conn)
			got := w.read(reader, "GET")
			if got.StatusCode != status || got.body != "not here" {
				t.Errorf("%d %s", got.StatusCode, got.body)
			}
			expectCORS(t, fmt.Sprint("a ", status), got, sharedWith(listed))
			if next := w.read(reader, "GET"); next.StatusCode != 403 {
				t.Errorf("the next request on the socket got %d", next.StatusCode)
			}
		}
	}
}

// httputil would leave it open.
func TestGateway_ClosesTheTenantsConnectionThatSwitchedToWhatNobodyJoins(t *testing.T) {
	for rule, raw := range map[string]string{
		"another protocol": handshake("/", "Origin: "+listed),
		"unasked":          request("GET /", "Origin: "+listed),
	} {
		closed := make(chan error, 1)
		w := newWorld(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
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
		got := w.send(raw)
		if err := <-closed; got.StatusCode != 502 || errors.Is(err, os.ErrDeadlineExceeded) || err == nil {
			t.Errorf("%s: %d, and the tenant's connection %v", rule, got.StatusCode, err)
		}
		expectCORS(t, rule, got, sharedWith(listed))
	}
}

func TestGateway_HeadersModeLeavesWebSocketsAlone(t *testing.T) {
	w := newWorld(t, options{mode: proxy.Headers, tenant: upgrading("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
	conn := w.dial()
	io.WriteString(conn, handshake("/", "Origin: "+unlisted))
	if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 101 {
		t.Errorf("%v, %v", res, err)
	}
}

func TestGateway_ReportModeLeavesTheHandshakesAnswerAsItIs(t *testing.T) {
	for mode, want := range map[proxy.Mode][]string{
		proxy.Enforce: {"Vary: Accept, Origin"},
		proxy.Headers: {"Vary: Accept, Origin"},
		proxy.Report:  {"Access-Control-Allow-Origin: *", "Vary: Accept"},
	} {
		w := newWorld(t, options{mode: mode, tenant: upgrading("Connection: Upgrade\r\nUpgrade: websocket\r\nVary: Accept\r\nAccess-Control-Allow-Origin: *\r\n")})
		origin := unlisted
		if mode == proxy.Enforce {
			origin = listed
		}
		conn := w.dial()
		io.WriteString(conn, handshake("/", "Origin: "+origin))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 101 {
			t.Fatalf("%v: %v, %v", mode, res, err)
		}
		expectCORS(t, mode.String(), answer{Response: res}, want)
	}
}

// An Upgrade is meant for us only if Connection names it.
func TestGateway_TakesNoHandshakeOfAnUpgradeForOthers(t *testing.T) {
	w := newWorld(t, options{policy: func(p *origins.Policy) { p.RequireOrigin = origins.RequireWebSocket }})
	got := w.send(request("GET /", "Upgrade: websocket", key))
	if x := w.observed(); got.StatusCode != 200 || x.Kind != origins.Actual {
		t.Errorf("%d, observed %+v", got.StatusCode, x)
	}
}

// Whoever has said everything may still listen.
func TestGateway_LetsOneSideOfATunnelEndFirst(t *testing.T) {
	w := newWorld(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		all, _ := io.ReadAll(buffered)
		conn.Write(all)
	}})
	conn := w.dial()
	io.WriteString(conn, handshake("/", "Origin: "+listed))
	reader := bufio.NewReader(conn)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("%v, %v", res, err)
	}
	io.WriteString(conn, "the last word")
	conn.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(reader); string(rest) != "the last word" || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
	if x := w.observed(); x.TunnelEnd != "client" || x.Sent != int64(len("the last word")) {
		t.Errorf("observed %+v", x)
	}
}

func TestGateway_ReachesWebSocketsOfATenantByTLS(t *testing.T) {
	tenant := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(tenant.Close)
	w := newWorld(t, options{config: func(c *proxy.Config) {
		c.Tenants[0].Upstream, _ = url.Parse(tenant.URL)
		c.Tenants[0].UpstreamTLS = tenant.Client().Transport.(*http.Transport).TLSClientConfig
	}})
	conn := w.open(listed, "/")
	expectEcho(t, "by TLS", conn)
	liststest.Apply(w.lists, withoutFirst())
	expectClose(t, "by TLS", conn, websocket.StatusPolicyViolation, "revoked")
}

// timed is a listener whose connections tell the write deadlines that they get.
type timed struct {
	net.Listener
	deadlines chan time.Time
}

func (l timed) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return timedConn{conn, l.deadlines}, err
}

type timedConn struct {
	net.Conn
	deadlines chan time.Time
}

func (c timedConn) SetWriteDeadline(at time.Time) error {
	c.deadlines <- at
	return c.Conn.SetWriteDeadline(at)
}

// The time to take the handshake's response is limited, that of the tunnel is not.
func TestGateway_GivesTheHandshakesAnswerALimitAndTheTunnelNone(t *testing.T) {
	w := newWorld(t, options{tenant: upgrading("Connection: Upgrade\r\nUpgrade: websocket\r\n")})
	server := httptest.NewUnstartedServer(w.proxy)
	defer server.Close()
	deadlines := make(chan time.Time, 10)
	server.Listener = timed{server.Listener, deadlines}
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
		t.Fatalf("%v, %v", res, err)
	}
	if hello, err := reader.ReadString('.'); hello != "hello." {
		t.Fatalf("%q, %v", hello, err)
	}
	if len(deadlines) != 2 {
		t.Fatalf("%d deadlines", len(deadlines))
	}
	if first, last := <-deadlines, <-deadlines; first.IsZero() || !last.IsZero() {
		t.Errorf("the handshake's response had until %v, the tunnel has until %v", first, last)
	}
}
