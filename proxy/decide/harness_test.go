package decide_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"originwarden/envelope"
	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/decidetest"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
)

// client is who sends the requests of these tests to the asking proxy.
const client = "192.0.2.7"

func dialects() map[string]decide.Dialect {
	return map[string]decide.Dialect{"nginx": decide.Nginx, "traefik": decide.Traefik, "caddy": decide.Caddy, "envoy": decide.Envoy}
}

// door is a Handler on a real socket.
type door struct {
	*decidetest.Gateway
	*decide.Handler
	*sender
	dialect decide.Dialect
	invalid chan proxy.Exchange // questions that were not read
}

// openDoor opens a door with the fast lane, unless the tests are run over the reference
// lane alone.
func openDoor(t testing.TB, g *decidetest.Gateway, dialect decide.Dialect) *door {
	t.Helper()
	return openDoorIn(t, g, dialect, os.Getenv("TEST_LANE"))
}

// openDoorIn opens a door with the fast lane, or without it in the lane "reference".
func openDoorIn(t testing.TB, g *decidetest.Gateway, dialect decide.Dialect, lane string) *door {
	t.Helper()
	d := &door{Gateway: g, dialect: dialect, invalid: make(chan proxy.Exchange, 1000)}
	d.Handler = decide.New(decide.Config{Decider: g, Observe: func(x *proxy.Exchange) { d.invalid <- *x }}, dialect)
	server := httptest.NewUnstartedServer(d.Handler)
	server.Config.DisableGeneralOptionsHandler = true
	if lane != "reference" {
		l := fastlane.NewListener(context.Background(), downstream.NewListener(server.Listener, 0, nil, true, nil), nil, d.Handler, fastlane.Settings{})
		server.Listener = l
		t.Cleanup(l.CloseAll)
	}
	server.Start()
	t.Cleanup(server.Close)
	d.sender = newSender(t, server.Listener.Addr().String())
	return d
}

// startDoor opens a door of a gateway of decidetest.Decisions in a mode.
func startDoor(t testing.TB, dialect decide.Dialect, mode proxy.Mode, change func(*proxy.Config)) *door {
	t.Helper()
	return openDoor(t, decidetest.Decisions(mode).Start(t, change), dialect)
}

// response is a response and its body.
type response struct {
	*http.Response
	body string
}

// sender sends requests to an address, on one connection as long as that is open.
type sender struct {
	address string
	conn    net.Conn // nil: there is none
	reader  *bufio.Reader
}

func newSender(t testing.TB, address string) *sender {
	s := &sender{address: address}
	t.Cleanup(s.close)
	return s
}

func (s *sender) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// send sends the bytes of a request, and reads the response.
func (s *sender) send(t testing.TB, raw string) response {
	t.Helper()
	if s.conn == nil {
		var err error
		if s.conn, err = net.Dial("tcp", s.address); err != nil {
			t.Fatal(err)
		}
		s.reader = bufio.NewReader(s.conn)
	}
	s.conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(s.conn, raw)
	method, _, _ := strings.Cut(raw, " ")
	res, err := http.ReadResponse(s.reader, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	if res.Close {
		s.close()
	}
	return response{res, string(body)}
}

// head returns the head of a request with lines of a header. A line without a value is
// left out.
func head(method, target string, lines ...string) string {
	text := method + " " + target + " HTTP/1.1\r\n"
	for _, line := range lines {
		text += line + "\r\n"
	}
	return text + "\r\n"
}

// inPath returns the request as the gateway in the path gets it, from a trusted proxy.
func inPath(r decidetest.Request) string {
	lines := []string{"Host: " + r.Host, "X-Forwarded-For: " + client, "X-Forwarded-Proto: https"}
	for _, f := range r.Header {
		lines = append(lines, f.Name+": "+f.Value)
	}
	if r.Method == "POST" || r.Method == "PUT" || r.Method == "PATCH" {
		lines = append(lines, "Content-Length: 0")
	}
	return head(r.Method, r.Target, lines...)
}

// question returns the question that a proxy asks about the request. more are lines that
// the client has sent too.
func question(d decide.Dialect, r decidetest.Request, more ...string) string {
	method, target, lines := "GET", decide.Path, []string{"Host: decisions.internal"}
	switch d {
	case decide.Nginx:
		lines = append(lines, nginxLines(r)...)
	case decide.Envoy:
		method, target = r.Method, decide.Path+r.Target
		lines = []string{"Host: " + r.Host, "X-Forwarded-For: " + client, "X-Forwarded-Proto: https"}
	default:
		lines = append(lines, "X-Forwarded-Method: "+r.Method, "X-Forwarded-Host: "+r.Host, "X-Forwarded-Uri: "+r.Target, "X-Forwarded-Proto: https", "X-Forwarded-For: 198.51.100.9, "+client)
	}
	for _, f := range r.Header {
		if name := strings.ToLower(f.Name); name != "connection" && name != "upgrade" {
			lines = append(lines, f.Name+": "+f.Value)
		}
	}
	return head(method, target, append(lines, more...)...)
}

func nginxLines(r decidetest.Request) []string {
	lines := []string{"X-Original-Method: " + r.Method, "X-Original-Host: " + r.Host, "X-Original-URI: " + r.Target, "X-Original-Proto: https", "X-Original-Address: " + client}
	for _, name := range []string{"Upgrade", "Connection"} {
		if values := r.Values(name); values != nil {
			lines = append(lines, "X-Original-"+name+": "+strings.Join(values, ", "))
		}
	}
	return lines
}

// ask asks about a request.
func (d *door) ask(t testing.TB, r decidetest.Request, more ...string) response {
	t.Helper()
	return d.send(t, question(d.dialect, r, more...))
}

// get is a GET of a target with an origin, which may be empty.
func get(target, origin string, more ...decidetest.Field) decidetest.Request {
	r := decidetest.Request{Method: "GET", Target: target, Host: "acme.example", Header: more}
	if origin != "" {
		r.Header = append(r.Header, decidetest.Field{Name: "Origin", Value: origin})
	}
	return r
}

// verdict returns the verdict and the reason of an answer, which has each once.
func (r response) verdict() string {
	verdict, reason := r.Header["Originwarden-Verdict"], r.Header["Originwarden-Reason"]
	if len(verdict) != 1 || len(reason) != 1 {
		return fmt.Sprintf("%q, %q", verdict, reason)
	}
	return verdict[0] + ", " + reason[0]
}

// code returns the error code in the body, or "".
func (r response) code() string {
	var document envelope.Document
	if json.Unmarshal([]byte(r.body), &document) != nil || len(document.Errors) != 1 || len(document.TraceID) != 32 {
		return ""
	}
	return document.Errors[0].Code
}

// trustLoopback makes the proxies of these tests trusted ones.
func trustLoopback(c *proxy.Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}
