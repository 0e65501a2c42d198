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

// A request that may take no connection that was idle for long leaves the others
// to those that may.
func TestUpstream_KeepsConnectionsThatARequestMayNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		u := http1.New(http1.Config{Dial: func(context.Context) (net.Conn, error) {
			dialled++
			client, peer := net.Pipe()
			go saying(ok)(0, peer, bufio.NewReader(peer))
			return client, nil
		}})
		defer u.Retire()
		together := func(method string, n int) {
			var answers []*http.Response
			for range n {
				res, err := u.Do(&http1.Call{Request: newRequest(t, method, ""), Target: "/"})
				if err != nil {
					t.Fatal(err)
				}
				answers = append(answers, res)
			}
			for _, res := range answers {
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		}
		together("GET", 4)
		time.Sleep(time.Second)
		together("POST", 1)
		together("GET", 4)
		if dialled != 5 {
			t.Errorf("%d connections, want four and one for the POST", dialled)
		}
	})
}

// What is not sent again takes no connection that the server may be closing,
// whatever its method.
func TestUpstream_SendsNoBodyWhereTheServerMayBeClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		u := http1.New(http1.Config{Dial: func(context.Context) (net.Conn, error) {
			dialled++
			client, peer := net.Pipe()
			go saying(ok)(0, peer, bufio.NewReader(peer))
			return client, nil
		}})
		defer u.Retire()
		get(t, u)
		time.Sleep(time.Second)
		if got := ask(u, &http1.Call{Request: newRequest(t, "GET", "a query")}); got.err != nil || dialled != 2 {
			t.Errorf("%d connections, %v", dialled, got.err)
		}
	})
}

// Where a response has no body and says that it has, some servers send it: it would
// be taken for the next answer.
func TestUpstream_KeepsNoConnectionOnWhichABodyMayFollow(t *testing.T) {
	for _, row := range []struct {
		rule, method, answer string
		kept                 bool
	}{
		{"chunks of 204", "GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"a length of 204", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false},
		{"chunks of 304", "GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"no length of 204", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true},
		{"the length of what 304 stands for", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", true},
		{"what GET would get", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true},
	} {
		s := newServer(t, saying(row.answer))
		u := s.upstream(t)
		for range 2 {
			if got := ask(u, &http1.Call{Request: newRequest(t, row.method, "")}); got.err != nil {
				t.Errorf("%s: %v", row.rule, got.err)
			}
		}
		if kept := s.opened.Load() == 1; kept != row.kept {
			t.Errorf("%s: %d connections", row.rule, s.opened.Load())
		}
	}
}
