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
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/proxy/http1"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// piped dials one connection.
func piped(conn net.Conn) func(context.Context) (net.Conn, error) {
	var once sync.Once
	return func(context.Context) (dialled net.Conn, err error) {
		err = errors.New("there is no other connection")
		once.Do(func() { dialled, err = conn, nil })
		return dialled, err
	}
}

// A request is sent once, or again if that can do no harm.
func TestUpstream_SendsAgainOnlyWhatIsSafe(t *testing.T) {
	for _, row := range []struct {
		method, body string
		again        bool
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
		got := ask(s.upstream(t), &http1.Call{Request: newRequest(t, row.method, row.body)})
		if (got.err == nil) != row.again || received.Load() != map[bool]int32{true: 2, false: 1}[row.again] {
			t.Errorf("%s %q: received %d times, %v", row.method, row.body, received.Load(), got.err)
		}
	}
}

// A server that gives no response to anything is not asked without end.
func TestUpstream_SendsNothingMoreThanThreeTimes(t *testing.T) {
	var received atomic.Int32
	s := newServer(t, func(n int, _ net.Conn, from *bufio.Reader) {
		readRequest(from)
		received.Add(1)
	})
	if got := get(t, s.upstream(t)); got.err == nil || received.Load() != 3 {
		t.Errorf("received %d times, %v", received.Load(), got.err)
	}
}

// A response that has begun is the response.
func TestUpstream_SendsNothingAgainWhoseAnswerHasBegun(t *testing.T) {
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		readRequest(from)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ")
	})
	if got := get(t, s.upstream(t)); !errors.Is(got.err, io.ErrUnexpectedEOF) || s.opened.Load() != 1 {
		t.Errorf("%d connections, %v", s.opened.Load(), got.err)
	}
}

// A connection that the server has closed meanwhile carries no request, whatever
// its method.
func TestUpstream_NoticesThatAKeptConnectionWasClosed(t *testing.T) {
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
		if got := ask(u, &http1.Call{Request: newRequest(t, method, "")}); got.err != nil || got.body != "ok" {
			t.Errorf("%s: %v", method, got.err)
		}
		<-closed
	}
}

// Bytes that nobody asked for are nobody's response.
func TestUpstream_DropsAConnectionThatSpeaksUnasked(t *testing.T) {
	said := make(chan bool)
	s := newServer(t, func(n int, conn net.Conn, from *bufio.Reader) {
		for {
			if _, err := readRequest(from); err != nil {
				return
			}
			io.WriteString(conn, ok)
			<-said // until the response was read
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
			said <- true
		}
	})
	u := s.upstream(t)
	for range 3 {
		if got := get(t, u); got.body != "ok" {
			t.Errorf("%q, %v", got.body, got.err)
		}
		said <- true
		<-said
	}
	if s.opened.Load() != 3 {
		t.Errorf("%d connections", s.opened.Load())
	}
}

// A request that is not safe takes no connection that was idle for as long as a
// server may keep it.
func TestUpstream_SendsNothingUnsafeWhereTheServerMayBeClosing(t *testing.T) {
	for _, row := range []struct {
		announced string
		method    string
		idle      time.Duration
		again     bool
	}{
		{"", "GET", time.Minute, true},
		{"", "POST", 49 * time.Millisecond, true},
		{"", "POST", 50 * time.Millisecond, false},
		{"", "DELETE", 50 * time.Millisecond, false},
		{"Keep-Alive: timeout=5, max=100\r\n", "POST", 2 * time.Second, true},
		{"Keep-Alive: timeout=5\r\n", "POST", 3 * time.Second, false},
		{"Keep-Alive: timeout=x\r\n", "POST", time.Second, false},
		{"", "GET", 90 * time.Second, false}, // our own limit
	} {
		synctest.Test(t, func(t *testing.T) {
			dialled := 0
			u := http1.New(http1.Config{Idle: 90 * time.Second, Dial: func(context.Context) (net.Conn, error) {
				dialled++
				client, peer := net.Pipe()
				go saying("HTTP/1.1 200 OK\r\n"+row.announced+"Content-Length: 2\r\n\r\nok")(0, peer, bufio.NewReader(peer))
				return client, nil
			}})
			defer u.Retire()
			for _, method := range []string{"GET", row.method} {
				if got := ask(u, &http1.Call{Request: newRequest(t, method, "")}); got.err != nil {
					t.Errorf("%+v: %v", row, got.err)
				}
				time.Sleep(row.idle)
			}
			if (dialled == 1) != row.again {
				t.Errorf("%+v: %d connections", row, dialled)
			}
		})
	}
}

// A server that starts is waited for, once.
func TestUpstream_TriesAServerThatRefusesForASecond(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, row := range []struct {
		rule string
		down time.Duration
		err  error
		good bool
		took time.Duration // at most
	}{
		{"it starts", 500 * time.Millisecond, refused, true, 700 * time.Millisecond},
		{"it does not", time.Hour, refused, false, 1200 * time.Millisecond},
		{"it is unknown", time.Hour, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, false, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			u := http1.New(http1.Config{Dial: func(context.Context) (net.Conn, error) {
				if time.Since(began) < row.down {
					return nil, row.err
				}
				client, peer := net.Pipe()
				go saying(ok)(0, peer, bufio.NewReader(peer))
				return client, nil
			}})
			defer u.Retire()
			got := ask(u, &http1.Call{Request: newRequest(t, "POST", "body")})
			if took := time.Since(began); (got.err == nil) != row.good || took > row.took {
				t.Errorf("%s: %v after %v", row.rule, got.err, took)
			}
			if again := time.Now(); !row.good {
				if get(t, u); time.Since(again) != 0 {
					t.Errorf("%s: the next request waits for %v", row.rule, time.Since(again))
				}
			}
		})
	}
}

func TestUpstream_EndsWithItsContext(t *testing.T) {
	for rule, answer := range map[string]string{"before the response": "", "in the response": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			readRequest(from)
			io.WriteString(conn, answer)
			cancel()
			_, err := from.ReadByte()
			ended <- err
		})
		got := ask(s.upstream(t), &http1.Call{Request: newRequest(t, "GET", "").WithContext(ctx)})
		if !errors.Is(got.err, context.Canceled) {
			t.Errorf("%s: %d %q, %v", rule, got.status, got.body, got.err)
		}
		if err := <-ended; err == nil {
			t.Errorf("%s: the server got more", rule)
		}
	}
}

func TestUpstream_GivesAServerItsTimeToAnswer(t *testing.T) {
	for _, body := range []string{"", "body"} {
		s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
			readRequest(from)
			io.Copy(io.Discard, from) // and says nothing
		})
		u := http1.New(http1.Config{Dial: s.dial, Response: 20 * time.Millisecond})
		got := ask(u, &http1.Call{Request: newRequest(t, "POST", body)})
		var timeout net.Error
		if !errors.As(got.err, &timeout) || !timeout.Timeout() {
			t.Errorf("%q: %v", body, got.err)
		}
	}
}

// An error of the request's own body is told as it is.
func TestUpstream_TellsWhyABodyCouldNotBeRead(t *testing.T) {
	broken := errors.New("broken")
	s := newServer(t, func(_ int, _ net.Conn, from *bufio.Reader) { io.Copy(io.Discard, from) })
	for _, length := range []int64{-1, 10} {
		r := newRequest(t, "POST", "x")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("half"), iotestErrReader{broken})), length
		if got := ask(s.upstream(t), &http1.Call{Request: r}); !errors.Is(got.err, broken) {
			t.Errorf("%d: %v", length, got.err)
		}
	}
}

type iotestErrReader struct{ err error }

func (r iotestErrReader) Read([]byte) (int, error) { return 0, r.err }

func TestUpstream_SendsTheRequestAsItIs(t *testing.T) {
	heads := make(chan string, 1)
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		head, _ := readRequest(from)
		heads <- head
		io.WriteString(conn, ok)
	})
	r := newRequest(t, "POST", "body")
	r.Header = http.Header{"B": {"2", "3"}, "A": {"1"}, "User-Agent": {""}, "Dnt": {"1"}, "Content-Length": {"9"}, "Bad name": {"x"}, "X": {"a\r\nb"}}
	ask(s.upstream(t), &http1.Call{Request: r, Target: "//a|b/../%zz?x;y=\xff"})
	if got, want := <-heads, "POST //a|b/../%zz?x;y=\xff HTTP/1.1\r\nHost: server.example\r\nA: 1\r\nB: 2\r\nB: 3\r\nDNT: 1\r\nContent-Length: 4\r\n\r\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestUpstream_SendsChunksAndTrailers(t *testing.T) {
	bodies := make(chan string, 1)
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		r, _ := http.ReadRequest(from)
		body, err := io.ReadAll(r.Body)
		bodies <- fmt.Sprintf("%s %v %v", body, err, r.Trailer)
		io.WriteString(conn, ok)
	})
	r := newRequest(t, "POST", "x")
	r.Body, r.ContentLength, r.Trailer = io.NopCloser(strings.NewReader("the body")), -1, http.Header{"X-Sum": {"7"}}
	ask(s.upstream(t), &http1.Call{Request: r})
	if got, want := <-bodies, "the body <nil> map[X-Sum:[7]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestUpstream_RetiresConnectionsWhenTheirRequestsHaveEnded(t *testing.T) {
	ended := make(chan int, 2)
	s := newServer(t, func(n int, conn net.Conn, from *bufio.Reader) {
		saying(ok)(n, conn, from)
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
		t.Errorf("%q, %v", body, err)
	}
	<-ended
	if s.opened.Load() != 1 {
		t.Errorf("%d connections", s.opened.Load())
	}
}
