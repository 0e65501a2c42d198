package cli

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Credentials and personal data are not logged at any level.
func TestLog_OmitsSecretsOfRequestsAndResponses(t *testing.T) {
	const secret = "s3cr3t"
	tenant := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if response := r.Header.Get("X-Answer"); response != "" {
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(conn, strings.ReplaceAll(response, "|", "\r\n"))
			conn.Close()
			return
		}
		w.Header().Set("Set-Cookie", "session="+secret)
		io.WriteString(w, secret)
	})
	for _, format := range []string{"json", "console"} {
		dir := t.TempDir()
		r := startGateway(t, dir, "tenants: [{id: acme, hosts: [acme.example], upstream: '"+tenant+"', debug: true}]\nlog: {level: debug, format: "+format+"}")
		token := strings.TrimPrefix(adminBearer(t, dir), "Authorization: Bearer ")
		for i, raw := range []string{
			"GET /?token=s3cr3t&access_token=s3cr3t HTTP/1.1\nHost: acme.example\nAuthorization: Bearer s3cr3t\nCookie: session=s3cr3t\nX-Api-Key: s3cr3t\nReferer: https://a/?s3cr3t\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nOrigin: https://strange.example\nAuthorization: Basic s3cr3t\nProxy-Authorization: Basic s3cr3t\n\n",
			"GET http://user:s3cr3t@acme.example/ HTTP/1.1\nHost: acme.example\n\n",
			"GET / HTTP/1.1\nHost: user:s3cr3t@acme.example\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nCookie s3cr3t\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nCookie: \x00s3cr3t\n\n",
			"GET /socket?token=s3cr3t HTTP/1.1\nHost: acme.example\nConnection: Upgrade\nUpgrade: websocket, s3cr3t\n\n",
			"OPTIONS / HTTP/1.1\nHost: acme.example\nOrigin: https://a.example\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: s3cr3t\n\n",
			"GET /api/v1/web-integrations?filter=s3cr3t HTTP/1.1\nHost: acme.example\nAuthorization: Bearer s3cr3t\n\n",
			"GET /api/v1/web-integrations?next=s3cr3t HTTP/1.1\nHost: acme.example\nAuthorization: Bearer " + token + "\n\n",
			"POST /api/v1/web-integrations HTTP/1.1\nHost: acme.example\nAuthorization: Bearer " + token + "\nContent-Length: 8\n\n{s3cr3t:",
			"GET / HTTP/1.1\nHost: acme.example\ntraceparent: s3cr3t\ntracestate: s3cr3t=1\nbaggage: user=s3cr3t\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nX-Answer: HTTP/1.1 200 OK|Set-Cookie s3cr3t||\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nX-Answer: s3cr3t\n\n",
			"GET / HTTP/1.1\nHost: acme.example\nX-Answer: HTTP/1.1 s3cr3t\n\n",
		} {
			sendRawAndRead(t, r.tenants, strings.ReplaceAll(raw, "\n", "\r\n"))
			sendRawAndRead(t, r.tenants, fmt.Sprintf("GET /last-%d HTTP/1.1\r\nHost: acme.example\r\n\r\n", i))
			r.await(t, r.stderr, fmt.Sprintf("/last-%d", i)) // every earlier line is written by then
		}
		for line := range strings.Lines(r.stderr.String()) {
			if strings.Contains(line, secret) || strings.Contains(line, token) {
				t.Error(line)
			}
		}
		if _, text := send(t, "GET", r.admin+"/metrics", ""); strings.Contains(text, secret) {
			t.Error("the secret is in the metrics")
		}
		if format == "json" && len(regexp.MustCompile(`"error":"[^"]*malformed`).FindAllString(r.stderr.String(), -1)) != 3 {
			t.Errorf("want 3 malformed responses in the log:\n%s", r.stderr)
		}
	}
}

// sendRawAndRead sends bytes on a new connection and reads the response.
func sendRawAndRead(t *testing.T, url, raw string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, raw)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	io.Copy(io.Discard, response.Body)
}

// startRawTenant starts a tenant that sends these bytes as its response.
func startRawTenant(t *testing.T, response string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				io.WriteString(conn, response)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

func TestLog_OmitsMalformedResponses(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, response := range map[string]string{
		"not HTTP":                        "s3cr3t\r\n\r\n",
		"invalid status code":             "HTTP/1.1 s3cr3t\r\n\r\n",
		"invalid version":                 "HTTP/s3cr3t 200 OK\r\n\r\n",
		"header line without a colon":     ok + "Set-Cookie s3cr3t\r\n\r\n",
		"folded first line":               ok + " s3cr3t: 1\r\n\r\n",
		"invalid header name":             ok + "Set-Cookie s3cr3t : 1\r\n\r\n",
		"invalid header value":            ok + "Set-Cookie: s3cr3t\x00\r\nContent-Length: 0\r\n\r\n",
		"invalid Content-Length":          ok + "Content-Length: s3cr3t\r\n\r\n",
		"two Content-Lengths":             ok + "Content-Length: 1\r\nContent-Length: s3cr3t\r\n\r\n",
		"invalid Transfer-Encoding":       ok + "Transfer-Encoding: s3cr3t\r\n\r\n",
		"invalid trailer name":            ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length, s3cr3t\r\n\r\n0\r\n\r\n",
		"invalid chunk":                   ok + "Transfer-Encoding: chunked\r\n\r\ns3cr3t\r\n\r\n",
		"truncated chunks":                ok + "Transfer-Encoding: chunked\r\n\r\n1\r\ns3cr3t\r\n",
		"trailer without a colon":         ok + "Transfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n0\r\nSet-Cookie s3cr3t\r\n\r\n",
		"body longer than Content-Length": ok + "Content-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nSet-Cookie: s3cr3t\r\n\r\n",
		"upgrade to another protocol":     "HTTP/1.1 101 s3cr3t\r\nConnection: Upgrade\r\nUpgrade: s3cr3t\r\n\r\ns3cr3t",
		"body of a 204":                   "HTTP/1.1 204 No Content\r\n\r\ns3cr3t",
	} {
		t.Run(name, func(t *testing.T) {
			r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig(startRawTenant(t, response), "log: {level: debug}"))
			conn := dial(t, r)
			io.WriteString(conn, "GET /asked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			io.Copy(io.Discard, conn) // some responses are discarded entirely
			r.await(t, r.stderr, "/asked")
			r.expectNoSecret(t)
		})
	}
}

// The gateway reads from idle connections, so a response without a request could
// reach the log.
func TestLog_OmitsUnsolicitedResponses(t *testing.T) {
	answered := make(chan struct{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ended := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		if _, err = http.ReadRequest(in); err == nil {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			<-answered
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nSet-Cookie: s3cr3t\r\n\r\n")
			conn.SetReadDeadline(time.Now().Add(testTimeout))
			_, err = in.ReadByte() // the gateway closes the connection
		}
		ended <- err
	}()
	r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig("http://"+listener.Addr().String(), "log: {level: debug}"))
	sendRawAndRead(t, r.tenants, "GET /asked HTTP/1.1\r\nHost: a\r\n\r\n")
	close(answered)
	if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection was not closed")
	}
	r.expectNoSecret(t)
}

func TestLog_OmitsMalformedRequests(t *testing.T) {
	dir := t.TempDir()
	authority := newAuthority(t, dir)
	files := authority.issue(t, dir, "s3cr3t.example")
	r := launchGateway(t, Environment{}, t.TempDir(), fmt.Sprintf("tls: {cert: %q, key: %q}\n%s", files.Cert, files.Key, tenantConfig(startServer(t, hello), "log: {level: debug}")))
	address := strings.TrimPrefix(strings.TrimPrefix(r.tenants, "https://"), "http://")
	for name, client := range map[string]func(net.Conn){
		"no TLS":                 func(c net.Conn) { io.WriteString(c, "s3cr3t") },
		"HTTP without TLS":       func(c net.Conn) { io.WriteString(c, "GET /?s3cr3t HTTP/1.1\r\nHost: s3cr3t\r\n\r\n") },
		"unknown ALPN protocol":  func(c net.Conn) { handshake(c, authority, "s3cr3t") },
		"invalid HTTP/2 preface": func(c net.Conn) { io.WriteString(handshake(c, authority, "h2"), strings.Repeat("s3cr3t", 100)) },
		"invalid HTTP/2 frame":   func(c net.Conn) { io.WriteString(handshake(c, authority, "h2"), preface+strings.Repeat("s3cr3t", 100)) },
		"invalid request line":   func(c net.Conn) { io.WriteString(handshake(c, authority, "http/1.1"), "s3cr3t\r\n\r\n") },
		"header line without a colon": func(c net.Conn) {
			io.WriteString(handshake(c, authority, "http/1.1"), "GET / HTTP/1.1\r\nCookie s3cr3t\r\n\r\n")
		},
		"invalid Content-Length": func(c net.Conn) {
			io.WriteString(handshake(c, authority, "http/1.1"), "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: s3cr3t\r\n\r\n")
		},
		"invalid Transfer-Encoding": func(c net.Conn) {
			io.WriteString(handshake(c, authority, "http/1.1"), "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: s3cr3t\r\n\r\n")
		},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(testTimeout))
		client(conn)
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection was not closed", name)
		}
		conn.Close()
	}
	r.await(t, r.stderr, "client requested unsupported application protocols")
	r.await(t, r.stderr, "bogus greeting")
	r.expectNoSecret(t)
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// handshake starts TLS on conn with one ALPN protocol and returns the TLS
// connection.
func handshake(conn net.Conn, a *authority, protocol string) net.Conn {
	c := tls.Client(conn, &tls.Config{RootCAs: a.pool(), ServerName: "s3cr3t.example", NextProtos: []string{protocol}})
	c.Handshake() // may fail
	return c
}

// expectNoSecret stops the gateway and fails if a log line has the secret.
func (r *runningCommand) expectNoSecret(t *testing.T) {
	t.Helper()
	r.stop(t)
	for line := range strings.Lines(r.stderr.String()) {
		if strings.Contains(line, "s3cr3t") {
			t.Error(line)
		}
	}
}
