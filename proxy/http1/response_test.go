package http1_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"originwarden/proxy/http1"
)

func TestPool_ReadsResponses(t *testing.T) {
	const statusLine = "HTTP/1.1 200 OK\r\n"
	rows := []struct {
		rule, method, response string
		closes                 bool // the server closes the connection after it
		status                 int
		body                   string
		reused                 bool // the connection is used again
	}{
		{"Content-Length", "GET", statusLine + "Content-Length: 4\r\n\r\nbody", false, 200, "body", true},
		{"empty body", "GET", statusLine + "Content-Length: 0\r\n\r\n", false, 200, "", true},
		{"chunked", "GET", statusLine + "Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\n\r\n", false, 200, "body", true},
		{"chunked in other case", "GET", statusLine + "transfer-encoding: Chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", false, 200, "body", true},
		{"body until close", "GET", statusLine + "\r\nbody", true, 200, "body", false},
		{"HEAD with length", "HEAD", statusLine + "Content-Length: 4\r\n\r\n", false, 200, "", true},
		{"HEAD with chunks", "HEAD", statusLine + "Transfer-Encoding: chunked\r\n\r\n", false, 200, "", true},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true},
		{"304 with length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", false, 304, "", true},
		{"Connection: close", "GET", statusLine + "Connection: close\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", false},
		{"Connection with several tokens", "GET", statusLine + "Connection: x, Close\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", false},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", false},
		{"HTTP/1.0 with keep-alive", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", true},
		{"HTTP/1.0 with chunks", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", false, 200, "body", false},
		{"transfer coding identity", "GET", statusLine + "Transfer-Encoding: identity\r\n\r\nbody", true, 200, "body", false},
		{"equal lengths", "GET", statusLine + "Content-Length: 4\r\nContent-Length: 4, 4\r\n\r\nbody", false, 200, "body", true},
		{"no reason phrase", "GET", "HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", true},
		{"unusual reason phrase", "GET", "HTTP/1.1 422 Order already shipped\r\nContent-Length: 4\r\n\r\nbody", false, 422, "body", true},
		{"unusual status code", "GET", "HTTP/1.1 999 Denied\r\nContent-Length: 4\r\n\r\nbody", false, 999, "body", true},
		{"bare LF", "GET", "HTTP/1.1 200 OK\nContent-Length: 4\n\nbody", false, 200, "body", true},
		{"bytes after the body", "GET", statusLine + "Content-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n\r\n", false, 200, "body", false},
		{"informational responses", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + statusLine + "Content-Length: 4\r\n\r\nbody", false, 200, "body", true},
	}
	for _, row := range rows {
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			for {
				if _, err := readRequest(from); err != nil {
					return
				}
				if io.WriteString(conn, row.response); row.closes {
					return
				}
			}
		})
		u := s.upstream(t)
		for range 2 {
			got := do(u, &http1.Call{Request: newRequest(t, row.method, "")})
			if got.err != nil || got.status != row.status || got.body != row.body {
				t.Errorf("%s: status %d, body %q, error %v; want %d, %q", row.rule, got.status, got.body, got.err, row.status, row.body)
			}
		}
		if reused := s.opened.Load() == 1; reused != row.reused {
			t.Errorf("%s: %d connections, want reuse %v", row.rule, s.opened.Load(), row.reused)
		}
	}
}

// An ambiguous or malformed response is an error, which contains nothing of the
// response.
func TestPool_RejectsMalformedResponses(t *testing.T) {
	const secret, ok = "s3cr3t", "HTTP/1.1 200 OK\r\n"
	rows := []struct{ rule, response string }{
		{"other protocol", "SSH-2.0-s3cr3t\r\n\r\n"},
		{"unterminated line", "s3cr3t"},
		{"HTTP/2", "HTTP/2 200 s3cr3t\r\n\r\n"},
		{"HTTP/1.10", "HTTP/1.10 200 s3cr3t\r\n\r\n"},
		{"status of two digits", "HTTP/1.1 20 s3cr3t\r\n\r\n"},
		{"status of letters", "HTTP/1.1 s3c r3t\r\n\r\n"},
		{"status below 100", "HTTP/1.1 042 s3cr3t\r\n\r\n"},
		{"field without colon", ok + "Set-Cookie s3cr3t\r\n\r\n"},
		{"field without name", ok + ": s3cr3t\r\n\r\n"},
		{"name that is not a token", ok + "Set Cookie: s3cr3t\r\n\r\n"},
		{"CR in value", ok + "X: s3c\rr3t\r\n\r\n"},
		{"NUL in value", ok + "X: s3c\x00r3t\r\n\r\n"},
		{"folded line without field", ok + " s3cr3t\r\n\r\n"},
		{"two lengths", ok + "Content-Length: 4\r\nContent-Length: 5\r\n\r\ns3cr3t"},
		{"two lengths in one line", ok + "Content-Length: 4, 5\r\n\r\ns3cr3t"},
		{"length with sign", ok + "Content-Length: +4\r\n\r\ns3cr3t"},
		{"negative length", ok + "Content-Length: -4\r\n\r\ns3cr3t"},
		{"length overflow", ok + "Content-Length: 99999999999999999999\r\n\r\ns3cr3t"},
		{"empty length", ok + "Content-Length:\r\n\r\ns3cr3t"},
		{"unknown transfer coding", ok + "Transfer-Encoding: s3cr3t\r\n\r\n"},
		{"two transfer codings", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"two Transfer-Encoding lines", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"unterminated field", ok + "X: " + strings.Repeat(secret, 50_000) + "\r\n\r\n"},
		{"too many fields", ok + strings.Repeat("X: s3cr3t\r\n", 50_000) + "\r\n"},
		{"invalid chunk size", ok + "Transfer-Encoding: chunked\r\n\r\ns3cr3t\r\n"},
		{"chunk longer than its size", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nabs3cr3t\r\n0\r\n\r\n"},
		{"invalid trailer", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\ns3cr3t\r\n\r\n"},
	}
	for _, row := range rows {
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			readRequest(from)
			io.WriteString(conn, row.response)
		})
		got := get(t, s.upstream(t))
		if !isProtocolError(got.err) || strings.Contains(fmt.Sprint(got.err), "s3c") {
			t.Errorf("%s: status %d, error %v; want a protocol error without the response", row.rule, got.status, got.err)
		}
	}
}

func TestPool_DetectsTruncatedResponse(t *testing.T) {
	for _, response := range []string{
		"HTTP/1.1 200 OK\r\nContent-Len",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
	} {
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			readRequest(from)
			io.WriteString(conn, response)
		})
		if got := get(t, s.upstream(t)); !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: status %d, body %q, error %v; want an unexpected EOF", response, got.status, got.body, got.err)
		}
	}
}

func TestPool_PreservesSpellingOfFieldNames(t *testing.T) {
	s := newServer(t, respondWith("HTTP/1.1 200 OK\r\nx-lower: a\r\nETag : b\r\nX-Folded: c\r\n\t d\r\nX-Latin: \xfc\r\nX-Tab: \te\tf \r\nContent-Length: 0\r\n\r\n"))
	x := &http1.Call{Request: newRequest(t, "GET", "")}
	got := do(s.upstream(t), x)
	x.Spelling.Apply(got.header)
	for name, want := range map[string]string{"x-lower": "a", "ETag": "b", "X-Folded": "c d", "X-Latin": "\xfc", "X-Tab": "e\tf"} {
		if values := got.header[name]; len(values) != 1 || values[0] != want {
			t.Errorf("%s: %q, want %q", name, values, want)
		}
	}
}

func TestPool_ReadsTrailers(t *testing.T) {
	s := newServer(t, respondWith("HTTP/1.1 200 OK\r\nTrailer: X-Sum, content-length\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 7\r\nX-More: 8\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n\r\n"))
	res, err := s.upstream(t).Do(&http1.Call{Request: newRequest(t, "GET", ""), Target: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, announced := res.Trailer["X-Sum"]; !announced || len(res.Trailer) != 1 || res.Header["Trailer"] != nil {
		t.Errorf("announced trailers %v, want X-Sum", res.Trailer)
	}
	io.Copy(io.Discard, res.Body)
	if want := (http.Header{"X-Sum": {"7"}, "X-More": {"8"}}); fmt.Sprint(res.Trailer) != fmt.Sprint(want) {
		t.Errorf("trailers %v, want %v", res.Trailer, want)
	}
}

// For any input, Do returns a valid response or an error, and does not hang.
func FuzzPool_ReadsResponses(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n0\r\nX: 1\r\n\r\n",
		"HTTP/1.0 200\n\nbody", "HTTP/1.1 103 x\r\n\r\nHTTP/1.1 304 x\r\nETag : y\r\n z\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\nTransfer-Encoding: identity\r\n\r\n",
	} {
		f.Add([]byte(seed), "GET")
		f.Add([]byte(seed), "HEAD")
	}
	f.Fuzz(func(t *testing.T, response []byte, method string) {
		client, peer := net.Pipe()
		go func() {
			readRequest(bufio.NewReader(peer))
			peer.Write(response)
			peer.Close()
		}()
		u := http1.New(http1.Config{Dial: dialOnce(client)})
		got := do(u, &http1.Call{Request: newRequest(t, "GET", "").WithContext(t.Context())})
		if got.err == nil && (got.status < 200 || got.status > 999) && got.status != http.StatusSwitchingProtocols {
			t.Errorf("%q: status %d", response, got.status)
		}
		for name, values := range got.header {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") || name == "" {
				t.Errorf("%q: field %q: %q", response, name, values)
			}
		}
	})
}
