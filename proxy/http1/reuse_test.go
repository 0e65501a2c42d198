package http1_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/proxy/http1"
)

// A request that cannot use a connection that was idle for long leaves it in the pool
// for requests that can.
func TestPool_KeepsConnectionsThatRequestCannotUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		u := http1.New(http1.Config{Dial: func(context.Context) (net.Conn, error) {
			dialled++
			client, peer := net.Pipe()
			go respondWith(ok)(0, peer, bufio.NewReader(peer))
			return client, nil
		}})
		defer u.Retire()
		sendConcurrently := func(method string, n int) {
			var responses []*http.Response
			for range n {
				res, err := u.Do(&http1.Call{Request: newRequest(t, method, ""), Target: "/"})
				if err != nil {
					t.Fatal(err)
				}
				responses = append(responses, res)
			}
			for _, res := range responses {
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		}
		sendConcurrently("GET", 4)
		time.Sleep(time.Second)
		sendConcurrently("POST", 1)
		sendConcurrently("GET", 4)
		if dialled != 5 {
			t.Errorf("dialled %d connections, want 4 and 1 for the POST", dialled)
		}
	})
}

// A request that cannot be retried does not use a connection that the server may be
// closing. This holds for GET with a body too.
func TestPool_SendsBodyOnRecentlyUsedConnectionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		u := http1.New(http1.Config{Dial: func(context.Context) (net.Conn, error) {
			dialled++
			client, peer := net.Pipe()
			go respondWith(ok)(0, peer, bufio.NewReader(peer))
			return client, nil
		}})
		defer u.Retire()
		get(t, u)
		time.Sleep(time.Second)
		if got := do(u, &http1.Call{Request: newRequest(t, "GET", "a query")}); got.err != nil || dialled != 2 {
			t.Errorf("dialled %d connections, error %v; want 2", dialled, got.err)
		}
	})
}

// Some servers send a body although the status permits none. On a reused connection,
// it would be read as the next response.
func TestPool_ClosesConnectionOnWhichBodyMayFollow(t *testing.T) {
	for _, row := range []struct {
		rule, method, response string
		reused                 bool
	}{
		{"204 with chunks", "GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"204 with length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false},
		{"304 with chunks", "GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"204 with length 0", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true},
		{"304 with length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", true},
		{"HEAD with chunks", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true},
	} {
		s := newServer(t, respondWith(row.response))
		u := s.upstream(t)
		for range 2 {
			if got := do(u, &http1.Call{Request: newRequest(t, row.method, "")}); got.err != nil {
				t.Errorf("%s: %v", row.rule, got.err)
			}
		}
		if reused := s.opened.Load() == 1; reused != row.reused {
			t.Errorf("%s: %d connections, want reuse %v", row.rule, s.opened.Load(), row.reused)
		}
	}
}
