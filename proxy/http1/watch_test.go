package http1_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
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

// A tunnel has no time limit of the exchange that began it.
func TestPool_EndsWatchWithUpgrade(t *testing.T) {
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		readRequest(from)
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		conn.SetReadDeadline(time.Now().Add(1500 * time.Millisecond)) // longer than the watch waits
		from.Peek(1)
		io.WriteString(conn, "late")
	})
	for _, watch := range []func() error{nil, func() error { return nil }} {
		res, err := s.upstream(t).Send(watched(watch))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(res.Body); string(got) != "late" || err != nil {
			t.Errorf("watched %t: read %q, %v, want late", watch != nil, got, err)
		}
		res.Body.Close()
	}
}

// asked is a body that notes when it is read.
type asked chan struct{}

func (a asked) Read([]byte) (int, error) {
	close(a)
	return 0, io.EOF
}

// A 100 is passed on before the body is read: net/http sends one of its own for that.
func TestPool_PassesOnContinueBeforeReadingBody(t *testing.T) {
	s := newServer(t, func(_ int, conn net.Conn, from *bufio.Reader) {
		readRequest(from)
		io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		io.Copy(io.Discard, io.LimitReader(from, int64(len("0\r\n\r\n"))))
		io.WriteString(conn, ok)
	})
	body := make(asked)
	out := watched(nil)
	out.Method, out.Bytes, out.HasBody = "POST", []byte("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"), true
	out.Upload = &http1.Upload{Reader: body, Length: -1, Trailer: func() http.Header { return nil }, Expect: true}
	out.Informational = func(status int, _ http1.Fields) error {
		select {
		case <-body:
			t.Error("the body was read before the 100 was passed on")
		case <-time.After(50 * time.Millisecond): // none is correct
		}
		return nil
	}
	res, err := s.upstream(t).Send(out)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	<-body
}
