package downstream_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/proxy/downstream"
)

// serveLimited starts a server on a limited listener that responds 200 to every
// request. It returns the address.
func serveLimited(t *testing.T, perClient int, trusted []netip.Prefix, refused func()) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go server.Serve(downstream.NewListener(listener, perClient, trusted, true, refused))
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String()
}

// get sends a request on a new connection. It returns the connection and the status.
func get(t *testing.T, address string) (net.Conn, int) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn, res.StatusCode
}

func TestListener_LimitsConnectionsPerClient(t *testing.T) {
	var refused atomic.Int32
	address := serveLimited(t, 2, nil, func() { refused.Add(1) })
	first, status := get(t, address)
	if _, second := get(t, address); status != 200 || second != 200 {
		t.Fatalf("first two connections: status %d and %d, want 200", status, second)
	}
	if _, status := get(t, address); status != 503 || refused.Load() != 1 {
		t.Errorf("third connection: status %d, want 503; refused called %d times, want 1", status, refused.Load())
	}
	first.Close()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); { // until the server notices the close
		if _, status = get(t, address); status == 200 {
			return
		}
	}
	t.Errorf("after one was closed: status %d, want 200", status)
}

func TestListener_DoesNotCountTrustedProxies(t *testing.T) {
	address := serveLimited(t, 1, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil)
	for range 5 {
		if _, status := get(t, address); status != 200 {
			t.Errorf("status %d, want 200", status)
		}
	}
}

func TestListener_ZeroIsNoLimit(t *testing.T) {
	address := serveLimited(t, 0, nil, nil)
	for range 3 {
		if _, status := get(t, address); status != 200 {
			t.Errorf("status %d, want 200", status)
		}
	}
}

// net/http closes some connections twice.
func TestListener_CountsACloseOnce(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limited := downstream.NewListener(inner, 1, nil, true, nil)
	defer limited.Close()
	connect := func() net.Conn {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	connect()
	first, err := limited.Accept()
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	first.Close()
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			conn, err := limited.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	connect()
	<-accepted
	refused := connect()
	refused.SetDeadline(time.Now().Add(20 * time.Second))
	if res, err := http.ReadResponse(bufio.NewReader(refused), nil); err != nil || res.StatusCode != 503 {
		t.Errorf("connection above the limit got %v, error %v; want status 503", res, err)
	}
}

// A TLS client cannot read an unencrypted response.
func TestListener_SendsNothingBeforeTLS(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limited := downstream.NewListener(inner, 1, nil, false, nil)
	defer limited.Close()
	go func() {
		for {
			if _, err := limited.Accept(); err != nil {
				return
			}
		}
	}()
	for _, want := range []error{os.ErrDeadlineExceeded, io.EOF} {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		timeout := 20 * time.Second
		if want != io.EOF {
			timeout = 50 * time.Millisecond
		}
		conn.SetDeadline(time.Now().Add(timeout))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || !errors.Is(err, want) {
			t.Errorf("read %d bytes, error %v; want %v", n, err, want)
		}
	}
}
