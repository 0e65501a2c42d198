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
	"sync/atomic"
	"testing"
	"time"

	"originwarden/proxy/http1"
)

// server is a server that serves its connections without net/http.
type server struct {
	listener net.Listener
	opened   atomic.Int32
}

// newServer starts a server that calls serve for each connection, with its number, and
// closes it when serve returns.
func newServer(t testing.TB, serve func(n int, conn net.Conn, from *bufio.Reader)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n := int(s.opened.Add(1))
			go func() {
				defer conn.Close()
				serve(n, conn, bufio.NewReader(conn))
			}()
		}
	}()
	return s
}

func (s *server) dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", s.listener.Addr().String())
}

func (s *server) upstream(t testing.TB) *http1.Pool {
	u := http1.New(http1.Config{Dial: s.dial, Response: 20 * time.Second})
	t.Cleanup(u.Retire)
	return u
}

// respondWith returns a function that sends the same response to every request. The
// bodies of the requests have a Content-Length.
func respondWith(response string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, conn net.Conn, from *bufio.Reader) {
		for {
			if _, err := readRequest(from); err != nil {
				return
			}
			io.WriteString(conn, response)
		}
	}
}

// readRequest reads a request, and returns its head.
func readRequest(from *bufio.Reader) (string, error) {
	var head strings.Builder
	length := 0
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return head.String(), err
		}
		head.WriteString(line)
		fmt.Sscanf(line, "Content-Length: %d", &length)
		if line == "\r\n" {
			_, err := io.CopyN(io.Discard, from, int64(length))
			return head.String(), err
		}
	}
}

func newRequest(t testing.TB, method, body string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), method, "http://unused.example/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if r.Host = "server.example"; body == "" {
		r.Body = nil
	}
	return r
}

// result is a response that was read to its end, or an error.
type result struct {
	status  int
	header  http.Header
	body    string
	trailer http.Header
	err     error
}

// do sends the request and reads the response.
func do(u *http1.Pool, x *http1.Call) result {
	if x.Target == "" {
		x.Target = "/"
	}
	res, err := u.Do(x)
	if err != nil {
		return result{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return result{res.StatusCode, res.Header, string(body), res.Trailer, err}
}

// get sends a GET request for /.
func get(t testing.TB, u *http1.Pool) result {
	return do(u, &http1.Call{Request: newRequest(t, "GET", "")})
}

func isProtocolError(err error) bool {
	var malformed *http1.ProtocolError
	return errors.As(err, &malformed)
}
