package http1_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/proxy/http1"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// dialOnce returns conn for the first dial, then an error.
func dialOnce(conn net.Conn) func(context.Context) (net.Conn, error) {
	var once sync.Once
	return func(context.Context) (dialled net.Conn, err error) {
		err = errors.New("there is no other connection")
		once.Do(func() { dialled, err = conn, nil })
		return dialled, err
	}
}

// Only GET, HEAD and OPTIONS requests without a body are retried on another connection.
func TestPool_RetriesOnlySafeRequests(t *testing.T) {
	for _, row := range []struct {
		method, body string
		retried      bool
	}{
		{"GET", "", true}, {"HEAD", "", true}, {"OPTIONS", "", true},
		{"GET", "body", false}, {"POST", "", false}, {"POST", "body", false}, {"PUT", "", false}, {"DELETE", "", false}, {"PATCH", "body", false}, {"PROPFIND", "", false},
	} {
		var received atomic.Int32
		s := newServer(t, func(n int, conn net.Conn, from *bufio.Reader) {
			for {
				if _, err := readRequest(from); err != nil {
					return
				}
				if received.Add(1) == 1 {
					return // without a response
				}
				io.WriteString(conn, strings.TrimSuffix(ok, map[bool]string{true: "ok"}[row.method == "HEAD"]))
			}
		})
		got := do(s.upstream(t), &http1.Call{Request: newRequest(t, row.method, row.body)})
		if (got.err == nil) != row.retried || received.Load() != map[bool]int32{true: 2, false: 1}[row.retried] {
			t.Errorf("%s %q: received %d times, error %v; want retry %v", row.method, row.body, received.Load(), got.err, row.retried)
		}
	}
}

func TestPool_SendsRequestAtMostThreeTimes(t *testing.T) {
	var received atomic.Int32
	s := newServer(t, func(n int, _ net.Conn, from *bufio.Reader) {
		readRequest(from)
		received.Add(1)
	})
	if got := get(t, s.upstream(t)); got.err == nil || received.Load() != 3 {
		t.Errorf("received %d times, error %v; want 3 times and an error", received.Load(), got.err)
	}
}

// A request is not retried once its response has begun.
func TestPool_DoesNotRetryAfterResponseHasBegun(t *testing.T) {
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		readRequest(from)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ")
	})
	if got := get(t, s.upstream(t)); !errors.Is(got.err, io.ErrUnexpectedEOF) || s.opened.Load() != 1 {
		t.Errorf("%d connections, error %v; want 1 and an unexpected EOF", s.opened.Load(), got.err)
	}
}

// An idle connection that the server has closed is not used, for any method.
func TestPool_DetectsClosedIdleConnection(t *testing.T) {
	closed := make(chan bool)
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		if _, err := readRequest(from); err != nil {
			return
		}
		io.WriteString(conn, ok)
		conn.Close()
		closed <- true
	})
	u := s.upstream(t)
	for _, method := range []string{"GET", "POST", "DELETE", "PUT", "GET"} {
		if got := do(u, &http1.Call{Request: newRequest(t, method, "")}); got.err != nil || got.body != "ok" {
			t.Errorf("%s: body %q, error %v", method, got.body, got.err)
		}
		<-closed
	}
}

// Bytes that arrive without a request must not become the response to the next one.
func TestPool_ClosesConnectionWithUnexpectedBytes(t *testing.T) {
	sent := make(chan bool)
	s := newServer(t, func(n int, conn net.Conn, from *bufio.Reader) {
		for {
			if _, err := readRequest(from); err != nil {
				return
			}
			io.WriteString(conn, ok)
			<-sent // the response was read
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
			sent <- true
		}
	})
	u := s.upstream(t)
	for range 3 {
		if got := get(t, u); got.body != "ok" {
			t.Errorf("body %q, error %v; want \"ok\"", got.body, got.err)
		}
		sent <- true
		<-sent
	}
	if s.opened.Load() != 3 {
		t.Errorf("%d connections, want 3", s.opened.Load())
	}
}

// An unsafe request does not use a connection that has been idle for so long that the
// server may be closing it.
func TestPool_SendsUnsafeRequestOnRecentlyUsedConnectionOnly(t *testing.T) {
	for _, row := range []struct {
		keepAlive string
		method    string
		idle      time.Duration
		reused    bool
	}{
		{"", "GET", time.Minute, true},
		{"", "POST", 49 * time.Millisecond, true},
		{"", "POST", 50 * time.Millisecond, false},
		{"", "DELETE", 50 * time.Millisecond, false},
		{"Keep-Alive: timeout=5, max=100\r\n", "POST", 2 * time.Second, true},
		{"Keep-Alive: timeout=5\r\n", "POST", 3 * time.Second, false},
		{"Keep-Alive: timeout=x\r\n", "POST", time.Second, false},
		{"", "GET", 90 * time.Second, false}, // the pool's own limit
	} {
		synctest.Test(t, func(t *testing.T) {
			dialled := 0
			u := http1.New(http1.Config{Idle: 90 * time.Second, Dial: func(context.Context) (net.Conn, error) {
				dialled++
				client, peer := net.Pipe()
				go respondWith("HTTP/1.1 200 OK\r\n"+row.keepAlive+"Content-Length: 2\r\n\r\nok")(0, peer, bufio.NewReader(peer))
				return client, nil
			}})
			defer u.Retire()
			for _, method := range []string{"GET", row.method} {
				if got := do(u, &http1.Call{Request: newRequest(t, method, "")}); got.err != nil {
					t.Errorf("%+v: %v", row, got.err)
				}
				time.Sleep(row.idle)
			}
			if (dialled == 1) != row.reused {
				t.Errorf("%+v: dialled %d connections", row, dialled)
			}
		})
	}
}

func TestPool_EndsRequestWithItsContext(t *testing.T) {
	for rule, response := range map[string]string{"before response": "", "during response": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			readRequest(from)
			io.WriteString(conn, response)
			cancel()
			_, err := from.ReadByte()
			ended <- err
		})
		got := do(s.upstream(t), &http1.Call{Request: newRequest(t, "GET", "").WithContext(ctx)})
		if !errors.Is(got.err, context.Canceled) {
			t.Errorf("%s: status %d, body %q, error %v; want context canceled", rule, got.status, got.body, got.err)
		}
		if err := <-ended; err == nil {
			t.Errorf("%s: server received more bytes, want the connection closed", rule)
		}
	}
}

func TestPool_TimesOutWaitingForResponse(t *testing.T) {
	for _, body := range []string{"", "body"} {
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			readRequest(from)
			io.Copy(io.Discard, from) // never responds
		})
		u := http1.New(http1.Config{Dial: s.dial, Response: 20 * time.Millisecond})
		got := do(u, &http1.Call{Request: newRequest(t, "POST", body)})
		var timeout net.Error
		if !errors.As(got.err, &timeout) || !timeout.Timeout() {
			t.Errorf("body %q: error %v, want a timeout", body, got.err)
		}
	}
}

// Do returns the error of the request body unchanged.
func TestPool_ReturnsErrorOfRequestBody(t *testing.T) {
	broken := errors.New("broken")
	s := newServer(t, func(_ int, _ net.Conn, from *bufio.Reader) { io.Copy(io.Discard, from) })
	for _, length := range []int64{-1, 10} {
		r := newRequest(t, "POST", "x")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("half"), errReader{broken})), length
		if got := do(s.upstream(t), &http1.Call{Request: r}); !errors.Is(got.err, broken) {
			t.Errorf("length %d: error %v, want %v", length, got.err, broken)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestPool_WritesRequestHead(t *testing.T) {
	heads := make(chan string, 1)
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		head, _ := readRequest(from)
		heads <- head
		io.WriteString(conn, ok)
	})
	r := newRequest(t, "POST", "body")
	r.Header = http.Header{"B": {"2", "3"}, "A": {"1"}, "User-Agent": {""}, "Dnt": {"1"}, "Content-Length": {"9"}, "Bad name": {"x"}, "X": {"a\r\nb"}}
	do(s.upstream(t), &http1.Call{Request: r, Target: "//a|b/../%zz?x;y=\xff"})
	if got, want := <-heads, "POST //a|b/../%zz?x;y=\xff HTTP/1.1\r\nHost: server.example\r\nA: 1\r\nB: 2\r\nB: 3\r\nDNT: 1\r\nContent-Length: 4\r\n\r\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestPool_WritesChunksAndTrailers(t *testing.T) {
	bodies := make(chan string, 1)
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		r, _ := http.ReadRequest(from)
		body, err := io.ReadAll(r.Body)
		bodies <- fmt.Sprintf("%s %v %v", body, err, r.Trailer)
		io.WriteString(conn, ok)
	})
	r := newRequest(t, "POST", "x")
	r.Body, r.ContentLength, r.Trailer = io.NopCloser(strings.NewReader("the body")), -1, http.Header{"X-Sum": {"7"}}
	do(s.upstream(t), &http1.Call{Request: r})
	if got, want := <-bodies, "the body <nil> map[X-Sum:[7]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPool_RetireClosesConnectionsAfterTheirRequests(t *testing.T) {
	ended := make(chan int, 2)
	s := newServer(t, func(n int, conn net.Conn, from *bufio.Reader) {
		respondWith(ok)(n, conn, from)
		ended <- n
	})
	u := s.upstream(t)
	get(t, u)
	res, err := u.Do(&http1.Call{Request: newRequest(t, "GET", ""), Target: "/"}) // on the same connection
	if err != nil {
		t.Fatal(err)
	}
	u.Retire()
	if body, err := io.ReadAll(res.Body); string(body) != "ok" || err != nil {
		t.Errorf("body %q, error %v; want \"ok\"", body, err)
	}
	<-ended
	if s.opened.Load() != 1 {
		t.Errorf("%d connections, want 1", s.opened.Load())
	}
}
