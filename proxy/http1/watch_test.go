package http1_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"originwarden/proxy/http1"
)

// watched returns a GET with a watch.
func watched(watch func() error) *http1.Outgoing {
	return &http1.Outgoing{Method: "GET", Bytes: []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Context: context.Background(), Watch: watch}
}

// A connection stays open after a request that was watched, however long ago that was.
func TestPool_KeepsConnectionsAfterWatch(t *testing.T) {
	idle := make(chan error)
	s := newServer(t, func(n int, conn net.Conn, from *bufio.Reader) {
		readRequest(from)
		io.WriteString(conn, ok)
		conn.SetReadDeadline(time.Now().Add(2500 * time.Millisecond))
		_, err := from.Peek(1)
		idle <- err
		conn.SetReadDeadline(time.Time{})
		respondWith(ok)(n, conn, from)
	})
	u := s.upstream(t)
	send := func() {
		res, err := u.Send(watched(func() error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	send()
	if err := <-idle; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("idle connection: %v, want it to stay open", err)
	}
	send()
	if n := s.opened.Load(); n != 1 {
		t.Errorf("opened %d connections, want 1", n)
	}
}

// The watch is called once a second, also shortly before the time limit of the
// response.
func TestPool_CallsWatchOnceASecond(t *testing.T) {
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) { io.Copy(io.Discard, from) })
	u := http1.New(http1.Config{Dial: s.dial, Response: 1300 * time.Millisecond})
	defer u.Retire()
	calls := 0
	began := time.Now()
	_, err := u.Send(watched(func() error { calls++; return nil }))
	if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took < 1300*time.Millisecond {
		t.Errorf("got error %v after %v, want a timeout after 1.3 s", err, took)
	}
	if calls != 1 {
		t.Errorf("watch was called %d times in 1.3 s, want once", calls)
	}
}
