package downstream_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"originwarden/proxy/downstream"
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// acceptHTTP2 returns a connection as net/http gets it, the raw one below, and its client.
func acceptHTTP2(t *testing.T) (conn *downstream.HTTP2Conn, raw *downstream.Conn, client *tls.Conn) {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	raw, plain := accept(t)
	server := tls.Server(raw, certified.TLS)
	client = tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
	var both sync.WaitGroup
	for _, side := range []*tls.Conn{server, client} {
		both.Go(func() {
			if err := side.Handshake(); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	conn = downstream.NewHTTP2Conn(server, raw, new(downstream.Buffers), func() {})
	t.Cleanup(func() { conn.Close() })
	return conn, raw, client
}

// What is written in pieces of any length, also longer than its buffers, arrives in order,
// and all of it before the end.
func TestHTTP2Conn_SendsAllInOrder(t *testing.T) {
	conn, _, client := acceptHTTP2(t)
	var want []byte
	pieces := [][]byte{}
	for n, length := range []int{1, 0, 17, 16 << 10, 32 << 10, 32<<10 + 1, 1 << 20, 5} {
		pieces = append(pieces, bytes.Repeat([]byte{byte('a' + n)}, length))
		want = append(want, pieces[n]...)
	}
	var got []byte
	var done sync.WaitGroup
	done.Go(func() { got, _ = io.ReadAll(client) })
	for _, piece := range pieces {
		if n, err := conn.Write(piece); n != len(piece) || err != nil {
			t.Fatalf("writing %d bytes: %d, %v", len(piece), n, err)
		}
		clear(piece) // it is the caller's again
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	done.Wait()
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived, want the %d that were written, in order", len(got), len(want))
	}
}

func TestHTTP2Conn_WaitsForAClientThatDoesNotRead(t *testing.T) {
	conn, raw, _ := acceptHTTP2(t)
	raw.LimitWrites(200 * time.Millisecond)
	if err := writeUnread(conn); err == nil {
		t.Error("a client that reads nothing took everything")
	}
	if _, err := conn.Write([]byte("more")); err == nil {
		t.Error("no error after one of writing")
	}
}

// net/http takes for sent what Write has taken, and may close the connection then.
func TestHTTP2Conn_SendsTheRestToASlowClient(t *testing.T) {
	t.Parallel()
	conn, raw, client := acceptHTTP2(t)
	raw.SetWriteBuffer(4 << 10)
	client.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	written, closed := make(chan int, 1), make(chan error, 1)
	go func() {
		n, err := conn.Write(make([]byte, 200<<10))
		if err != nil {
			t.Error(err)
		}
		written <- n
		closed <- conn.Close()
	}()
	got := readUntil(t, client, written)
	select {
	case <-time.After(time.Second): // it waits for the client
	case err := <-closed: // the system has the rest
		closed <- err
	}
	rest, err := io.ReadAll(client)
	if got += len(rest); err != nil || got != 200<<10 {
		t.Errorf("%d bytes arrived, %v, want all", got, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// readUntil reads in small pieces until all is written, and returns how much it has read.
func readUntil(t *testing.T, client net.Conn, written <-chan int) (got int) {
	t.Helper()
	for piece := make([]byte, 1<<10); ; {
		select {
		case <-written:
			return got
		default:
		}
		n, err := client.Read(piece)
		if got += n; err != nil {
			t.Fatal(err)
		}
	}
}

// net/http writes no more to a client that does not read, and learns by reading that it
// is gone.
func TestHTTP2Conn_EndsReadingWhenWritingFails(t *testing.T) {
	conn, raw, _ := acceptHTTP2(t)
	raw.LimitWrites(200 * time.Millisecond)
	go writeUnread(conn)
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes read, want an error", n)
	}
}

// A write that waits ends when the connection is closed. That waits for the client, within
// the limit of writes, and not at all when the server aborts its requests.
func TestHTTP2Conn_ClosesWhileClientDoesNotRead(t *testing.T) {
	aborted := make(chan struct{})
	close(aborted)
	for name, row := range map[string]struct {
		aborted chan struct{}
		limit   time.Duration
	}{
		"limited": {nil, 15 * time.Second},
		"aborted": {aborted, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, raw, _ := acceptHTTP2(t)
			raw.SetAborted(row.aborted)
			raw.LimitWrites(3 * time.Second)
			failed := writeUntilStuck(conn)
			began := time.Now()
			conn.Close()
			if took := time.Since(began); took > row.limit {
				t.Errorf("closing took %v", took)
			}
			if err := <-failed; err == nil {
				t.Error("the write that waited returned no error")
			}
		})
	}
}

// writeUntilStuck writes in the background. It returns when a write waits for the client,
// with where the error of that comes.
func writeUntilStuck(conn net.Conn) (failed <-chan error) {
	written, end := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
				end <- err
				return
			}
			written <- struct{}{}
		}
	}()
	for {
		select {
		case <-written:
		case <-time.After(200 * time.Millisecond):
			return end
		}
	}
}

// net/http takes a connection without the preface for one of HTTP/1.1.
func TestHTTP2Conn_EndsWithoutPreface(t *testing.T) {
	for _, row := range []struct{ sent, want string }{
		{preface, preface},
		{preface + "frames", preface + "frames"},
		{"GET / HTTP/1.1\r\n\r\n", ""},
		{preface[:10] + "x", preface[:10]},
		{"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n"},
	} {
		conn, _, client := acceptHTTP2(t)
		go func() {
			for i := range len(row.sent) { // each byte by itself
				client.Write([]byte(row.sent[i : i+1]))
			}
			client.CloseWrite()
		}()
		if got, err := io.ReadAll(conn); string(got) != row.want || err != nil {
			t.Errorf("of %q, %q was read (%v), want %q", row.sent, got, err, row.want)
		}
	}
}
