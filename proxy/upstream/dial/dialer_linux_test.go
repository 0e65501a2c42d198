package dial_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"originwarden/proxy/upstream/dial"
)

// Linux refuses connections to a socket whose queue is full, until the server accepts
// one of those in it.
func TestDialer_ConnectsWhenQueueOfSocketHasRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(listener)
	if err := errors.Join(syscall.Bind(listener, &syscall.SockaddrUnix{Name: path}), syscall.Listen(listener, 0)); err != nil {
		t.Fatal(err)
	}
	queued, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer queued.Close()
	refused := make(chan error, 1000)
	d := dial.Dialer{Socket: path, Timeout: 10 * time.Second, Connect: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			refused <- err
		}
		return conn, err
	}}
	dialled := make(chan error)
	go func() {
		conn, err := d.Dial(t.Context())
		if err == nil {
			conn.Close()
		}
		dialled <- err
	}()
	if err := <-refused; !errors.Is(err, syscall.EAGAIN) {
		t.Fatalf("a full queue: %v, want EAGAIN", err)
	}
	accepted, _, err := syscall.Accept(listener)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(accepted)
	if err := <-dialled; err != nil {
		t.Error(err)
	}
}
