package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/proxy"
)

// relayed is a response of a tenant, and what a client gets of it in both lanes.
type relayed struct {
	rule, method, response string
	status                 int
	body                   string
	whole                  bool // the client can tell that it got all
	closed                 bool // by the gateway, with the response
}

// relayedResponses returns the responses. The tenant closes its side after each: that to
// a POST says so, because the next POST would not be sent again if it were lost.
func relayedResponses() []relayed {
	const ok, chunked = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	return []relayed{
		{"HEAD with length", "HEAD", ok + "Content-Length: 9\r\n\r\n", 200, "", true, false},
		{"HEAD without length", "HEAD", ok + "\r\n", 200, "", true, false},
		{"HEAD with chunks", "HEAD", chunked, 200, "", true, false},
		{"neither length nor chunks", "GET", ok + "\r\nbody", 200, "body", true, false},
		{"neither length nor chunks, empty", "GET", ok + "\r\n", 200, "", true, false},
		{"length", "GET", ok + "Content-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"repeated length", "GET", ok + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"length and more bytes", "GET", ok + "Content-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n\r\n", 200, "body", true, false},
		{"chunks", "GET", chunked + "2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\n\r\n", 200, "body", true, false},
		{"chunks and length", "GET", ok + "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 200, "body", true, false},
		{"chunks that look like a chunk", "GET", chunked + "8\r\n0\r\n\r\nabc\r\n0\r\n\r\n", 200, "0\r\n\r\nabc", true, false},
		{"trailer", "GET", ok + "Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX: y\r\n\r\n", 200, "body", true, false},
		{"cut length", "GET", ok + "Content-Length: 9\r\n\r\nbody", 200, "body", false, true},
		{"cut chunk", "GET", chunked + "9\r\nbody", 200, "body", false, true},
		{"cut between chunks", "GET", chunked + "4\r\nbody\r\n", 200, "body", false, true},
		{"unusual trailers", "GET", ok + "Trailer: X, Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX: y\r\nSet-Cookie: a=b\r\nContent-Encoding: gzip\r\nIf-Match: *\r\n\r\n", 200, "body", true, false},
		{"cut before the end of the trailer", "GET", chunked + "4\r\nbody\r\n0\r\n", 200, "body", false, true},
		{"invalid chunk", "GET", chunked + "4\r\nbody\r\nx\r\n", 200, "body", false, true},
		{"cut head", "GET", ok + "X: y\r\n", 502, "UPSTREAM_UNREACHABLE", true, false},
		{"no response", "GET", "", 502, "UPSTREAM_UNREACHABLE", true, false},
		{"unasked 101", "GET", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes", 502, "UPSTREAM_UNREACHABLE", true, false},
		{"bytes before a 101", "GET", "bytes\r\nHTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502, "UPSTREAM_UNREACHABLE", true, false},
		{"different lengths", "GET", ok + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody", 502, "UPSTREAM_UNREACHABLE", true, false},
		{"signed length", "GET", ok + "Content-Length: +4\r\n\r\nbody", 502, "UPSTREAM_UNREACHABLE", true, false},
		{"unknown coding", "GET", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", 502, "UPSTREAM_UNREACHABLE", true, false},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true, false},
		{"204 with length 0", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, "", true, false},
		{"304 with length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: \"x\"\r\n\r\n", 304, "", true, false},
		{"413 before the body was read", "POST", "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", 413, "no", true, false},
		{"informational responses", "GET", "HTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\nAccess-Control-Allow-Origin: *\r\n\r\n" + ok + "Content-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"resumable upload", "POST", "HTTP/1.1 104 Upload Resumption Supported\r\nLocation: /u\r\nUpload-Draft-Interop-Version: 6\r\n\r\nHTTP/1.1 201 Created\r\nUpload-Complete: ?1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 201, "", true, false},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\n\r\nbody", 200, "body", true, false},
		{"HTTP/1.0 with length", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"HTTP/1.0 with chunks", "GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 200, "body", true, false},
		{"several lines of Connection", "GET", ok + "Connection: X-One\r\nConnection: close, X-Two\r\nX-One: 1\r\nX-Two: 2\r\nKeep-Alive: timeout=5\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"fields of connections", "GET", ok + "Connection: Content-Type, ETag, Vary\r\nContent-Type: a\r\nETag: b\r\nVary: c\r\nProxy-Authenticate: d\r\nUpgrade: e\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"Connection that names the length", "GET", ok + "Connection: Content-Length\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"CORS and Vary", "GET", ok + "Access-Control-Allow-Origin: *\r\naccess-control-max-age: 1\r\nVary: Accept, origin\r\nVARY: X\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"no Content-Type", "GET", ok + "Content-Length: 6\r\n\r\n<html>", 200, "<html>", true, false},
		{"folded and odd fields", "GET", ok + "X: a\r\n b\r\nY : c\r\nx: d\r\nZ: \xe4\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true, false},
		{"bare LF", "GET", "HTTP/1.1 200 OK\nContent-Length: 4\n\nbody", 200, "body", true, false},
	}
}

// Both lanes relay a response alike, and end the body as the tenant did.
func TestLanes_RelayResponsesAlike(t *testing.T) {
	t.Parallel()
	for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Report} {
		for _, row := range relayedResponses() {
			fast, reference := row.relay(t, "fast", mode), row.relay(t, "reference", mode)
			if !reflect.DeepEqual(fast, reference) {
				t.Errorf("%s, %v:\n     fast %+v\nreference %+v", row.rule, mode, fast, reference)
			}
			if len(fast.Responses) == 0 {
				t.Errorf("%s, %v: no response", row.rule, mode)
				continue
			}
			final := slices.DeleteFunc(slices.Clone(fast.Responses), func(r laneResponse) bool { return r.Status < 200 })
			if got := final[0]; got.Status != row.status || got.Body != row.body || got.Whole != row.whole || (len(final) == 1) != row.closed {
				t.Errorf("%s, %v: got %+v, want %+v", row.rule, mode, fast.Responses, row)
			}
		}
	}
}

// relay sends two requests on one connection.
func (row relayed) relay(t *testing.T, lane string, mode proxy.Mode) outcome {
	t.Helper()
	tenant := newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
		if _, err := readHead(from); err == nil {
			io.WriteString(conn, row.response)
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, from)
		}
	})
	h := newHarness(t, options{lane: lane, mode: mode, config: func(c *proxy.Config) { c.Tenants[0].Upstream = tenant.url }})
	raw := request(row.method+" /", "Origin: "+listed, "Content-Length: 0")
	return new(lanes).send(t, h, []byte(raw+raw), nil)
}

// Nothing follows a piece of an informational response that could not be sent whole,
// although the client reads again as soon as the gateway has given up.
func TestLanes_AppendNothingToCutInformationalResponse(t *testing.T) {
	t.Parallel()
	cut := make(chan struct{})
	tenant := newRawTenant(t, func(conn net.Conn, from *bufio.Reader) {
		readHead(from)
		hints := "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("a", 200<<10) + "\r\n\r\n"
		for {
			if _, err := io.WriteString(conn, hints); err != nil {
				cut <- struct{}{}
				return
			}
		}
	})
	for _, lane := range []string{"fast", "reference"} {
		h := newHarness(t, options{lane: lane, config: func(c *proxy.Config) {
			c.Tenants[0].Upstream, c.Timeouts.Progress, c.Timeouts.Response = tenant.url, 300*time.Millisecond, 6*time.Second
		}})
		conn := h.dial()
		io.WriteString(conn, request("GET /", "Origin: "+listed))
		<-cut
		all, _ := io.ReadAll(conn)
		if x := h.nextExchange(); lane == "fast" && (!x.Cut || x.Limit != "body_progress") { // net/http does not say
			t.Errorf("%s lane: reported limit %q, cut %v, want body_progress, true", lane, x.Limit, x.Cut)
		}
		if bytes.Contains(all, []byte("HTTP/1.1 5")) {
			t.Errorf("%s lane: another response follows the one that was cut: %q", lane, all[max(0, len(all)-500):])
		}
	}
}
