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

// What lets somebody in, or tells who somebody is, is in no line at any level.
func TestLog_HasNoSecretOfARequestOrAnAnswer(t *testing.T) {
	const secret = "s3cr3t"
	tenant := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if answer := r.Header.Get("X-Answer"); answer != "" {
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(conn, strings.ReplaceAll(answer, "|", "\r\n"))
			conn.Close()
			return
		}
		w.Header().Set("Set-Cookie", "session="+secret)
		io.WriteString(w, secret)
	})
	for _, format := range []string{"json", "console"} {
		dir := t.TempDir()
		r := serving(t, dir, "tenants: [{id: acme, hosts: [acme.example], upstream: '"+tenant+"', debug: true}]\nlog: {level: debug, format: "+format+"}")
		token := strings.TrimPrefix(operatorsToken(t, dir), "Authorization: Bearer ")
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
			exchange(t, r.tenants, strings.ReplaceAll(raw, "\n", "\r\n"))
			exchange(t, r.tenants, fmt.Sprintf("GET /last-%d HTTP/1.1\r\nHost: acme.example\r\n\r\n", i))
			r.await(t, r.stderr, fmt.Sprintf("/last-%d", i)) // so is what was before it
		}
		for line := range strings.Lines(r.stderr.String()) {
			if strings.Contains(line, secret) || strings.Contains(line, token) {
				t.Error(line)
			}
		}
		if _, text := send(t, "GET", r.admin+"/metrics", ""); strings.Contains(text, secret) {
			t.Error("it is in the metrics")
		}
		if format == "json" && len(regexp.MustCompile(`"error":"[^"]*malformed`).FindAllString(r.stderr.String(), -1)) != 3 {
			t.Errorf("the tenant's responses were not malformed:\n%s", r.stderr)
		}
	}
}

// exchange sends bytes on a connection of their own, and reads the response.
func exchange(t *testing.T, url, raw string) {
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

// tenantOf is a tenant that answers with bytes as they are.
func tenantOf(t *testing.T, answer string) (url string) {
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
				io.WriteString(conn, answer)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

func TestLog_QuotesNothingThatATenantSends(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, answer := range map[string]string{
		"no response":               "s3cr3t\r\n\r\n",
		"a status that is none":     "HTTP/1.1 s3cr3t\r\n\r\n",
		"a version that is none":    "HTTP/s3cr3t 200 OK\r\n\r\n",
		"a line without a colon":    ok + "Set-Cookie s3cr3t\r\n\r\n",
		"a folded first line":       ok + " s3cr3t: 1\r\n\r\n",
		"a name that is none":       ok + "Set-Cookie s3cr3t : 1\r\n\r\n",
		"a value that is none":      ok + "Set-Cookie: s3cr3t\x00\r\nContent-Length: 0\r\n\r\n",
		"a length that is none":     ok + "Content-Length: s3cr3t\r\n\r\n",
		"two lengths":               ok + "Content-Length: 1\r\nContent-Length: s3cr3t\r\n\r\n",
		"an encoding that is none":  ok + "Transfer-Encoding: s3cr3t\r\n\r\n",
		"a trailer that is none":    ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length, s3cr3t\r\n\r\n0\r\n\r\n",
		"a chunk that is none":      ok + "Transfer-Encoding: chunked\r\n\r\ns3cr3t\r\n\r\n",
		"a chunk without an end":    ok + "Transfer-Encoding: chunked\r\n\r\n1\r\ns3cr3t\r\n",
		"a trailer without a colon": ok + "Transfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n0\r\nSet-Cookie s3cr3t\r\n\r\n",
		"more than its length":      ok + "Content-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nSet-Cookie: s3cr3t\r\n\r\n",
		"another protocol":          "HTTP/1.1 101 s3cr3t\r\nConnection: Upgrade\r\nUpgrade: s3cr3t\r\n\r\ns3cr3t",
		"a body that there is not":  "HTTP/1.1 204 No Content\r\n\r\ns3cr3t",
	} {
		t.Run(name, func(t *testing.T) {
			r := startServing(t, Environment{}, t.TempDir(), oneTenant(tenantOf(t, answer), "log: {level: debug}"))
			conn := dial(t, r)
			io.WriteString(conn, "GET /asked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			io.Copy(io.Discard, conn) // of some answers nothing is left
			r.await(t, r.stderr, "/asked")
			r.quotesNothing(t)
		})
	}
}

// A connection that is kept is read from, though nothing was asked.
func TestLog_QuotesNothingThatATenantSendsUnasked(t *testing.T) {
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
			conn.SetReadDeadline(time.Now().Add(patience))
			_, err = in.ReadByte() // the gateway ends the connection
		}
		ended <- err
	}()
	r := startServing(t, Environment{}, t.TempDir(), oneTenant("http://"+listener.Addr().String(), "log: {level: debug}"))
	exchange(t, r.tenants, "GET /asked HTTP/1.1\r\nHost: a\r\n\r\n")
	close(answered)
	if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection was kept")
	}
	r.quotesNothing(t)
}

func TestLog_QuotesNothingThatAClientSends(t *testing.T) {
	dir := t.TempDir()
	authority := newAuthority(t, dir)
	files := authority.issue(t, dir, "s3cr3t.example")
	r := startServing(t, Environment{}, t.TempDir(), fmt.Sprintf("tls: {cert: %q, key: %q}\n%s", files.Cert, files.Key, oneTenant(upstream(t, hello), "log: {level: debug}")))
	address := strings.TrimPrefix(strings.TrimPrefix(r.tenants, "https://"), "http://")
	for name, client := range map[string]func(net.Conn){
		"no TLS":                  func(c net.Conn) { io.WriteString(c, "s3cr3t") },
		"HTTP without TLS":        func(c net.Conn) { io.WriteString(c, "GET /?s3cr3t HTTP/1.1\r\nHost: s3cr3t\r\n\r\n") },
		"a protocol that is none": func(c net.Conn) { hail(c, authority, "s3cr3t") },
		"a greeting of HTTP/2":    func(c net.Conn) { io.WriteString(hail(c, authority, "h2"), strings.Repeat("s3cr3t", 100)) },
		"a frame that is none":    func(c net.Conn) { io.WriteString(hail(c, authority, "h2"), preface+strings.Repeat("s3cr3t", 100)) },
		"a request that is none":  func(c net.Conn) { io.WriteString(hail(c, authority, "http/1.1"), "s3cr3t\r\n\r\n") },
		"a header that is none": func(c net.Conn) {
			io.WriteString(hail(c, authority, "http/1.1"), "GET / HTTP/1.1\r\nCookie s3cr3t\r\n\r\n")
		},
		"a length that is none": func(c net.Conn) {
			io.WriteString(hail(c, authority, "http/1.1"), "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: s3cr3t\r\n\r\n")
		},
		"an encoding that is none": func(c net.Conn) {
			io.WriteString(hail(c, authority, "http/1.1"), "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: s3cr3t\r\n\r\n")
		},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		client(conn)
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection was kept", name)
		}
		conn.Close()
	}
	r.await(t, r.stderr, "client requested unsupported application protocols")
	r.await(t, r.stderr, "bogus greeting")
	r.quotesNothing(t)
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// hail begins TLS on a connection, for one protocol, and is the connection that
// it makes.
func hail(conn net.Conn, a *authority, protocol string) net.Conn {
	c := tls.Client(conn, &tls.Config{RootCAs: a.pool(), ServerName: "s3cr3t.example", NextProtos: []string{protocol}})
	c.Handshake() // which may be refused
	return c
}

// quotesNothing ends the service, and finds the secret in no line of it.
func (r *running) quotesNothing(t *testing.T) {
	t.Helper()
	r.stop(t)
	for line := range strings.Lines(r.stderr.String()) {
		if strings.Contains(line, "s3cr3t") {
			t.Error(line)
		}
	}
}
