package fastlane_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
)

const (
	get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	ok  = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
)

type handler func(*fastlane.Request) fastlane.Outcome

func (h handler) ServeFast(r *fastlane.Request) fastlane.Outcome { return h(r) }

func respondOK(r *fastlane.Request) fastlane.Outcome {
	if r.Write([]byte(ok), 0) != nil {
		return fastlane.CloseNow
	}
	return fastlane.KeepOpen
}

// serve returns a listener with a client's connection.
func serve(t *testing.T, serve handler, settings fastlane.Settings) (*fastlane.Listener, *net.TCPConn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := fastlane.NewListener(t.Context(), downstream.NewListener(inner, 0, nil, true, nil), nil, serve, settings)
	t.Cleanup(l.CloseAll)
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return l, conn.(*net.TCPConn)
}

// exchange sends requests one by one.
func exchange(t *testing.T, conn net.Conn, count int) {
	t.Helper()
	response := make([]byte, len(ok))
	for i := range count {
		io.WriteString(conn, get)
		if _, err := io.ReadFull(conn, response); err != nil || string(response) != ok {
			t.Fatalf("request %d: read %q, %v", i, response, err)
		}
	}
}

// A connection is kept for as long as it may be idle, again after each request.
func TestListener_KeepsIdleConnection(t *testing.T) {
	t.Parallel()
	const idle = 2500 * time.Millisecond
	_, conn := serve(t, respondOK, fastlane.Settings{ReadHead: time.Minute, Idle: idle})
	for range 2 {
		exchange(t, conn, 20)
		conn.SetReadDeadline(time.Now().Add(idle - 200*time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("after less than %v: %v", idle, err)
		}
		conn.SetReadDeadline(time.Time{})
	}
	conn.SetReadDeadline(time.Now().Add(4 * idle))
	if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d bytes, %v, want EOF", n, err)
	}
}

// A client may end its side together with a request.
func TestListener_ClosesConnectionThatClientHasEnded(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 1, 20} {
		_, conn := serve(t, respondOK, fastlane.Settings{Idle: time.Hour})
		exchange(t, conn, before)
		io.WriteString(conn, get)
		conn.CloseWrite()
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		if got, err := io.ReadAll(conn); string(got) != ok || err != nil {
			t.Errorf("after %d requests: read %q, %v, want a response and the end", before, got, err)
		}
	}
}

// A request may come in pieces, and with others.
func TestListener_ServesRequestsHoweverTheyAreCut(t *testing.T) {
	_, conn := serve(t, respondOK, fastlane.Settings{})
	exchange(t, conn, 20)
	const count = 20
	go func() {
		conn.SetNoDelay(true)
		stream := ""
		for range count {
			stream += get
		}
		for len(stream) > 0 {
			n := min(len(stream), 37)
			io.WriteString(conn, stream[:n])
			stream = stream[n:]
		}
		conn.CloseWrite()
	}()
	if got, err := io.ReadAll(conn); len(got) != count*len(ok) || err != nil {
		t.Errorf("read %d bytes, %v, want %d", len(got), err, count*len(ok))
	}
}

// Closing waits for nobody, and what is served loses its connection.
func TestListener_ClosesWhileRequestIsServed(t *testing.T) {
	arrived, closed := make(chan bool), make(chan bool)
	written := make(chan error)
	l, conn := serve(t, func(r *fastlane.Request) fastlane.Outcome {
		arrived <- true
		<-closed
		for { // until the listener's goroutine has begun to close the connection
			if err := r.Write([]byte("x"), 0); err != nil {
				written <- err
				return fastlane.CloseNow
			}
		}
	}, fastlane.Settings{})
	io.WriteString(conn, get)
	<-arrived
	l.CloseAll()
	close(closed)
	go io.Copy(io.Discard, conn)
	if err := <-written; !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing: %v, want net.ErrClosed", err)
	}
	if err := l.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// Close closes idle connections at once, and others after their response.
func TestListener_ClosesConnections(t *testing.T) {
	for range 50 { // at different moments
		l, conn := serve(t, respondOK, fastlane.Settings{})
		exchange(t, conn, 10)
		go io.WriteString(conn, get)
		l.Close()
		if err := l.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); len(got) > 0 && string(got) != ok {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

// pipes is a listener of connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }

func (pipes) Addr() net.Addr { return nil }

// A connection that Accept has returned is not closed by Close, not even at once.
func TestListener_LeavesConnectionsThatWereAccepted(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			inner := make(pipes)
			l := fastlane.NewListener(t.Context(), inner, nil, handler(respondOK), fastlane.Settings{})
			client, server := net.Pipe()
			defer client.Close()
			inner <- server
			synctest.Wait() // until the connection waits for Accept
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			defer conn.Close()
			go io.WriteString(client, get)
			if _, err := io.ReadFull(conn, make([]byte, len(get))); err != nil {
				t.Fatalf("reading of the connection: %v", err)
			}
		})
	}
}
