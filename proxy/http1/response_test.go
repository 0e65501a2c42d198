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

func TestUpstream_ReadsAnswers(t *testing.T) {
	const until = "HTTP/1.1 200 OK\r\n"
	rows := []struct {
		rule, method, answer string
		closes               bool // the server closes the connection after it
		status               int
		body                 string
		kept                 bool // the connection is used again
	}{
		{"a body by its length", "GET", until + "Content-Length: 4\r\n\r\nbody", false, 200, "body", true},
		{"an empty body", "GET", until + "Content-Length: 0\r\n\r\n", false, 200, "", true},
		{"chunks", "GET", until + "Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\n\r\n", false, 200, "body", true},
		{"chunks in another case", "GET", until + "transfer-encoding: Chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", false, 200, "body", true},
		{"a body until the end", "GET", until + "\r\nbody", true, 200, "body", false},
		{"no body of HEAD", "HEAD", until + "Content-Length: 4\r\n\r\n", false, 200, "", true},
		{"no body of HEAD in chunks", "HEAD", until + "Transfer-Encoding: chunked\r\n\r\n", false, 200, "", true},
		{"no body of 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true},
		{"no body of 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", false, 304, "", true},
		{"the server's last one", "GET", until + "Connection: close\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", false},
		{"one of several tokens", "GET", until + "Connection: x, Close\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", false},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", false},
		{"HTTP/1.0 that keeps it", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", true},
		{"HTTP/1.0 in chunks, which it does not know", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", false, 200, "body", false},
		{"a coding that is none", "GET", until + "Transfer-Encoding: identity\r\n\r\nbody", true, 200, "body", false},
		{"a length that is said twice", "GET", until + "Content-Length: 4\r\nContent-Length: 4, 4\r\n\r\nbody", false, 200, "body", true},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nbody", false, 200, "body", true},
		{"a reason of its own", "GET", "HTTP/1.1 422 Order already shipped\r\nContent-Length: 4\r\n\r\nbody", false, 422, "body", true},
		{"a status of its own", "GET", "HTTP/1.1 999 Denied\r\nContent-Length: 4\r\n\r\nbody", false, 999, "body", true},
		{"bare line feeds", "GET", "HTTP/1.1 200 OK\nContent-Length: 4\n\nbody", false, 200, "body", true},
		{"more than there is to be said", "GET", until + "Content-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n\r\n", false, 200, "body", false},
		{"answers before the response", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + until + "Content-Length: 4\r\n\r\nbody", false, 200, "body", true},
	}
	for _, row := range rows {
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			for {
				if _, err := readRequest(from); err != nil {
					return
				}
				if io.WriteString(conn, row.answer); row.closes {
					return
				}
			}
		})
		u := s.upstream(t)
		for range 2 {
			got := ask(u, &http1.Call{Request: newRequest(t, row.method, "")})
			if got.err != nil || got.status != row.status || got.body != row.body {
				t.Errorf("%s: %d %q, %v", row.rule, got.status, got.body, got.err)
			}
		}
		if kept := s.opened.Load() == 1; kept != row.kept {
			t.Errorf("%s: %d connections", row.rule, s.opened.Load())
		}
	}
}

// What readers might disagree about is no response, and the error has nothing of
// it.
func TestUpstream_RefusesAnswersThatAreNone(t *testing.T) {
	const mark, ok = "s3cr3t", "HTTP/1.1 200 OK\r\n"
	rows := []struct{ rule, answer string }{
		{"another protocol", "SSH-2.0-s3cr3t\r\n\r\n"},
		{"a line without an end", "s3cr3t"},
		{"HTTP/2", "HTTP/2 200 s3cr3t\r\n\r\n"},
		{"HTTP/1.10", "HTTP/1.10 200 s3cr3t\r\n\r\n"},
		{"a status of two digits", "HTTP/1.1 20 s3cr3t\r\n\r\n"},
		{"a status of letters", "HTTP/1.1 s3c r3t\r\n\r\n"},
		{"a status below 100", "HTTP/1.1 042 s3cr3t\r\n\r\n"},
		{"a field without a colon", ok + "Set-Cookie s3cr3t\r\n\r\n"},
		{"a field without a name", ok + ": s3cr3t\r\n\r\n"},
		{"a name that is no token", ok + "Set Cookie: s3cr3t\r\n\r\n"},
		{"a carriage return in a value", ok + "X: s3c\rr3t\r\n\r\n"},
		{"a NUL in a value", ok + "X: s3c\x00r3t\r\n\r\n"},
		{"a fold of nothing", ok + " s3cr3t\r\n\r\n"},
		{"two lengths", ok + "Content-Length: 4\r\nContent-Length: 5\r\n\r\ns3cr3t"},
		{"two lengths in a line", ok + "Content-Length: 4, 5\r\n\r\ns3cr3t"},
		{"a length with a sign", ok + "Content-Length: +4\r\n\r\ns3cr3t"},
		{"a negative length", ok + "Content-Length: -4\r\n\r\ns3cr3t"},
		{"a length beyond all", ok + "Content-Length: 99999999999999999999\r\n\r\ns3cr3t"},
		{"an empty length", ok + "Content-Length:\r\n\r\ns3cr3t"},
		{"an unknown coding", ok + "Transfer-Encoding: s3cr3t\r\n\r\n"},
		{"two codings", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"two lines of codings", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"a header without an end", ok + "X: " + strings.Repeat(mark, 50_000) + "\r\n\r\n"},
		{"many fields without an end", ok + strings.Repeat("X: s3cr3t\r\n", 50_000) + "\r\n"},
		{"a chunk's size that is none", ok + "Transfer-Encoding: chunked\r\n\r\ns3cr3t\r\n"},
		{"a chunk that goes on", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nabs3cr3t\r\n0\r\n\r\n"},
		{"a trailer that is none", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\ns3cr3t\r\n\r\n"},
	}
	for _, row := range rows {
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			readRequest(from)
			io.WriteString(conn, row.answer)
		})
		got := get(t, s.upstream(t))
		if !isProtocolError(got.err) || strings.Contains(fmt.Sprint(got.err), "s3c") {
			t.Errorf("%s: %d, %v", row.rule, got.status, got.err)
		}
	}
}

func TestUpstream_TellsACutAnswerFromAWholeOne(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Len",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
	} {
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			readRequest(from)
			io.WriteString(conn, answer)
		})
		if got := get(t, s.upstream(t)); !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %d %q, %v", answer, got.status, got.body, got.err)
		}
	}
}

func TestUpstream_KeepsTheBytesOfAHeader(t *testing.T) {
	s := newServer(t, saying("HTTP/1.1 200 OK\r\nx-lower: a\r\nETag : b\r\nX-Folded: c\r\n\t d\r\nX-Latin: \xfc\r\nX-Tab: \te\tf \r\nContent-Length: 0\r\n\r\n"))
	x := &http1.Call{Request: newRequest(t, "GET", "")}
	got := ask(s.upstream(t), x)
	x.Spelling.Apply(got.header)
	for name, want := range map[string]string{"x-lower": "a", "ETag": "b", "X-Folded": "c d", "X-Latin": "\xfc", "X-Tab": "e\tf"} {
		if values := got.header[name]; len(values) != 1 || values[0] != want {
			t.Errorf("%s: %q, want %q", name, values, want)
		}
	}
}

func TestUpstream_ReadsTrailers(t *testing.T) {
	s := newServer(t, saying("HTTP/1.1 200 OK\r\nTrailer: X-Sum, content-length\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 7\r\nX-More: 8\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n\r\n"))
	res, err := s.upstream(t).Do(&http1.Call{Request: newRequest(t, "GET", ""), Target: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, announced := res.Trailer["X-Sum"]; !announced || len(res.Trailer) != 1 || res.Header["Trailer"] != nil {
		t.Errorf("announced: %v", res.Trailer)
	}
	io.Copy(io.Discard, res.Body)
	if want := (http.Header{"X-Sum": {"7"}, "X-More": {"8"}}); fmt.Sprint(res.Trailer) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", res.Trailer, want)
	}
}

// FuzzUpstream_ReadsAnswers holds what any bytes come to: a response, or an error
// that has nothing of them, and always the end.
func FuzzUpstream_ReadsAnswers(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n0\r\nX: 1\r\n\r\n",
		"HTTP/1.0 200\n\nbody", "HTTP/1.1 103 x\r\n\r\nHTTP/1.1 304 x\r\nETag : y\r\n z\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\nTransfer-Encoding: identity\r\n\r\n",
	} {
		f.Add([]byte(seed), "GET")
		f.Add([]byte(seed), "HEAD")
	}
	f.Fuzz(func(t *testing.T, answer []byte, method string) {
		client, peer := net.Pipe()
		go func() {
			readRequest(bufio.NewReader(peer))
			peer.Write(answer)
			peer.Close()
		}()
		u := http1.New(http1.Config{Dial: piped(client)})
		got := ask(u, &http1.Call{Request: newRequest(t, "GET", "").WithContext(t.Context())})
		if got.err == nil && (got.status < 200 || got.status > 999) && got.status != http.StatusSwitchingProtocols {
			t.Errorf("%q: status %d", answer, got.status)
		}
		for name, values := range got.header {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") || name == "" {
				t.Errorf("%q: field %q: %q", answer, name, values)
			}
		}
	})
}
