package proxy_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"originwarden/proxy"
)

// upstreamKinds are what Tenant.Upstream may be.
func upstreamKinds() []string { return []string{"http", "https", "h2c", "unix"} }

// newUpstream starts a server of a kind, and returns a function that makes it the upstream
// of acme.
func newUpstream(t *testing.T, kind string, handler http.HandlerFunc) func(*proxy.Config) {
	server := httptest.NewUnstartedServer(handler)
	t.Cleanup(server.Close)
	var trusted *tls.Config
	to := &url.URL{Scheme: kind}
	switch kind {
	case "https":
		server.EnableHTTP2 = true
		server.StartTLS()
		trusted = &tls.Config{RootCAs: x509.NewCertPool()}
		trusted.RootCAs.AddCert(server.Certificate())
	case "unix":
		server.Listener.Close()
		to.Path = newSocketPath(t)
		var err error
		if server.Listener, err = net.Listen("unix", to.Path); err != nil {
			t.Fatal(err)
		}
		server.Start()
	default:
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetHTTP1(true)
		server.Config.Protocols.SetUnencryptedHTTP2(kind == "h2c")
		server.Start()
	}
	if kind != "unix" {
		to.Host = server.Listener.Addr().String()
	}
	return func(c *proxy.Config) { c.Tenants[0].Upstream, c.Tenants[0].UpstreamTLS = to, trusted }
}

// newSocketPath returns a path that is short enough for a Unix socket.
func newSocketPath(t *testing.T) string {
	dir, err := os.MkdirTemp("", "ow")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "app.sock")
}

// describe responds with what it has received.
func describe(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s Host=%s Forwarded=%s %q", r.Proto, r.Method, r.RequestURI, r.Host, r.Header.Get("X-Forwarded-Host"), body)
}

// with returns one function for several changes of a configuration.
func with(changes ...func(*proxy.Config)) func(*proxy.Config) {
	return func(c *proxy.Config) {
		for _, change := range changes {
			change(c)
		}
	}
}

// setUpstream returns a function that sets acme's upstream.
func setUpstream(rawURL string) func(*proxy.Config) {
	return func(c *proxy.Config) { c.Tenants[0].Upstream, _ = url.Parse(rawURL) }
}

func setPrefix(prefix string) func(*proxy.Config) {
	return func(c *proxy.Config) { c.Tenants[0].Upstream.Path = prefix }
}

func TestGateway_ForwardsToEachKindOfUpstream(t *testing.T) {
	speaks := map[string]string{"http": "HTTP/1.1", "https": "HTTP/2.0", "h2c": "HTTP/2.0", "unix": "HTTP/1.1"}
	for _, kind := range upstreamKinds() {
		upstream := newUpstream(t, kind, describe)
		for _, protocol := range protocols() {
			h := newHarness(t, options{protocol: protocol, config: upstream})
			for range 2 { // on a new connection, and on the same one
				for raw, want := range map[string]string{
					request("GET /a//b/../%2f;x?a=%zz&b;", "Origin: "+listed):          `GET /a//b/../%2f;x?a=%zz&b; Host=acme.example Forwarded=acme.example ""`,
					request("POST /", "Origin: "+listed, "Content-Length: 4") + "body": `POST / Host=acme.example Forwarded=acme.example "body"`,
				} {
					got := h.send(raw)
					if want = speaks[kind] + " " + want; got.StatusCode != 200 || got.body != want {
						t.Errorf("%s from %s: status %d\n got %s\nwant %s", kind, protocol, got.StatusCode, got.body, want)
					}
					expectCORS(t, kind, got, allowedCORS(listed))
					if x := h.nextExchange(); x.UpstreamCause != "" || x.UpstreamTime == 0 || x.Cut {
						t.Errorf("%s from %s: exchange %+v", kind, protocol, x)
					}
				}
			}
		}
	}
}

// A WebSocket is opened by HTTP/1.1, also if the server otherwise speaks HTTP/2.
func TestGateway_OpensWebSocketsToEachKindOfUpstream(t *testing.T) {
	t.Parallel()
	for _, kind := range upstreamKinds() {
		for _, prefix := range []string{"", "/base"} {
			paths := make(chan string, 1)
			upstream := newUpstream(t, kind, func(w http.ResponseWriter, r *http.Request) {
				paths <- r.RequestURI
				echo(w, r)
			})
			if prefix != "" && kind != "unix" {
				upstream = with(upstream, setPrefix(prefix))
			} else {
				prefix = ""
			}
			h := newHarness(t, options{config: upstream})
			conn, res, err := websocket.Dial(t.Context(), "ws://"+h.gateway.Listener.Addr().String()+"/live?x", &websocket.DialOptions{
				Host: "acme.example", HTTPHeader: http.Header{"Origin": {listed}}})
			if err != nil {
				t.Fatalf("%s%s: %v, %v", kind, prefix, err, res)
			}
			if path := <-paths; path != prefix+"/live?x" {
				t.Errorf("%s: the tenant got %s, want %s/live?x", kind, path, prefix)
			}
			for _, message := range []string{"hello", strings.Repeat("x", 20_000)} {
				conn.Write(t.Context(), websocket.MessageText, []byte(message))
				if _, got, err := conn.Read(t.Context()); err != nil || string(got) != message {
					t.Errorf("%s%s: got %.20q, %v; want %.20q", kind, prefix, got, err, message)
				}
			}
			conn.Close(websocket.StatusNormalClosure, "")
			if x := h.nextExchange(); x.Status != 101 || x.TunnelEnd == "" {
				t.Errorf("%s%s: exchange %+v", kind, prefix, x)
			}
		}
	}
}

// A stream is passed on piece by piece, with its trailer.
func TestGateway_StreamsFromEachKindOfUpstream(t *testing.T) {
	t.Parallel()
	for _, kind := range upstreamKinds() {
		for _, protocol := range protocols() {
			next := make(chan bool)
			upstream := newUpstream(t, kind, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Trailer", "X-End")
				for range 3 {
					io.WriteString(w, "piece")
					w.(http.Flusher).Flush()
					<-next
				}
				w.Header().Set("X-End", "yes")
			})
			h := newHarness(t, options{protocol: protocol, config: upstream})
			res, err := h.gateway.Client().Do(h.newRequest("GET", "/"))
			if err != nil {
				t.Fatal(kind, protocol, err)
			}
			for range 3 {
				piece := make([]byte, len("piece"))
				if _, err := io.ReadFull(res.Body, piece); err != nil || string(piece) != "piece" {
					t.Errorf("%s to %s: got %q, %v", kind, protocol, piece, err)
				}
				next <- true
			}
			rest, err := io.ReadAll(res.Body)
			if res.Body.Close(); err != nil || len(rest) > 0 || res.Trailer.Get("X-End") != "yes" {
				t.Errorf("%s to %s: rest %q, %v, trailer %v", kind, protocol, rest, err, res.Trailer)
			}
		}
	}
}

// serveRaw calls serve for each connection of a listener.
func serveRaw(t *testing.T, network, address string, serve func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr()
}

func TestGateway_NamesFailuresOfEachKindOfUpstream(t *testing.T) {
	abandoned := newSocketPath(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: abandoned, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	resets, silent := newSocketPath(t), newSocketPath(t)
	cut := func(conn net.Conn) { bufio.NewReader(conn).ReadByte() }
	hang := func(conn net.Conn) { io.Copy(io.Discard, conn) }
	serveRaw(t, "unix", resets, cut)
	serveRaw(t, "unix", silent, hang)
	cutTCP, hangTCP := serveRaw(t, "tcp", "127.0.0.1:0", cut), serveRaw(t, "tcp", "127.0.0.1:0", hang)
	onlyHTTP1 := startTenant(t, describe)
	for _, row := range []struct {
		rule, upstream string
		status         int
		cause          string
	}{
		{"no socket", "unix:" + newSocketPath(t), 502, "connect"},
		{"socket without a server", "unix:" + abandoned, 502, "connect"},
		{"no directory", "unix:/nowhere/app.sock", 502, "connect"},
		{"file that is no socket", "unix:/etc/hosts", 502, "connect"},
		{"socket that is cut", "unix:" + resets, 502, "reset"},
		{"socket that is silent", "unix:" + silent, 504, "timeout"},
		{"HTTP/2 server refuses", "h2c://127.0.0.1:1", 502, "connect"},
		{"HTTP/2 server cuts the connection", "h2c://" + cutTCP.String(), 502, "reset"},
		{"HTTP/2 server is silent", "h2c://" + hangTCP.String(), 504, "timeout"},
		{"server speaks HTTP/1.1 alone", "h2c://" + onlyHTTP1.Host, 502, "protocol"},
		{"name does not exist", "h2c://nowhere.invalid", 502, "connect"},
	} {
		h := newHarness(t, options{config: with(setUpstream(row.upstream), func(c *proxy.Config) {
			c.Timeouts.Connect, c.Timeouts.Response = 500*time.Millisecond, 500*time.Millisecond
		})})
		got := h.send(request("POST /", "Origin: "+listed, "Content-Length: 0"))
		if x := h.nextExchange(); got.StatusCode != row.status || x.UpstreamCause != row.cause || x.Err == nil {
			t.Errorf("%s: status %d, cause %q, %v; want %d, %q", row.rule, got.StatusCode, x.UpstreamCause, x.Err, row.status, row.cause)
		}
		expectCORS(t, row.rule, got, allowedCORS(listed))
	}
}

// An application that restarts removes its socket and makes it again.
func TestGateway_WaitsForSocketOfRestartingTenant(t *testing.T) {
	path := newSocketPath(t)
	h := newHarness(t, options{config: setUpstream("unix:" + path)})
	time.AfterFunc(100*time.Millisecond, func() {
		if l, err := net.Listen("unix", path); err == nil {
			go http.Serve(l, http.HandlerFunc(describe))
			t.Cleanup(func() { l.Close() })
		}
	})
	if got := h.send(request("POST /", "Content-Length: 2") + "hi"); got.StatusCode != 200 {
		t.Errorf("status %d, want 200", got.StatusCode)
	}
}

// A connection that the server has closed is not used, for any method, also over a socket.
func TestGateway_DetectsClosedSocket(t *testing.T) {
	path, closed := newSocketPath(t), make(chan bool, 1)
	serveRaw(t, "unix", path, func(conn net.Conn) {
		if _, err := readHead(bufio.NewReader(conn)); err == nil {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			conn.Close()
			closed <- true
		}
	})
	h := newHarness(t, options{config: setUpstream("unix:" + path)})
	for range 5 {
		if got := h.send(request("POST /", "Content-Length: 0")); got.StatusCode != 200 {
			t.Errorf("status %d: %s, want 200", got.StatusCode, got.body)
		}
		<-closed
	}
}

// A server of HTTP/2 that is replaced gets the next request on a new connection, and one
// that allows few streams gets several connections.
func TestGateway_KeepsHTTP2ConnectionsWithoutTLS(t *testing.T) {
	const concurrent = 30
	addresses := make(chan string, 2*concurrent)
	started, proceed := make(chan bool, concurrent), make(chan bool)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addresses <- r.RemoteAddr
		if r.URL.Path == "/wait" {
			started <- true
			<-proceed
		}
		io.WriteString(w, r.Proto)
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 10}
	server.Start()
	t.Cleanup(server.Close)
	h := newHarness(t, options{config: setUpstream("h2c://" + server.Listener.Addr().String())})
	h.send(request("GET /"))
	first := <-addresses
	for range 2 {
		h.send(request("GET /"))
		if next := <-addresses; next != first {
			t.Errorf("a request came from %s, the one before from %s: want one connection", next, first)
		}
	}
	failed := make(chan error, concurrent)
	for range concurrent {
		go func() {
			res, err := h.gateway.Client().Do(h.newRequest("GET", "/wait"))
			if err == nil {
				if res.Body.Close(); res.StatusCode != 200 {
					err = errors.New(res.Status)
				}
			}
			failed <- err
		}()
	}
	for range concurrent {
		<-started
	}
	close(proceed)
	for range concurrent {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	server.CloseClientConnections()
	if got := h.send(request("GET /")); got.body != "HTTP/2.0" {
		t.Errorf("after the connections were closed: status %d, body %q", got.StatusCode, got.body)
	}
}
