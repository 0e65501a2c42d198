//go:build unix

package socket_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"originwarden/proxy/socket"
)

// connect returns both ends of a connection.
func connect(t *testing.T) (local, peer net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if local, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	if peer, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	return local, peer
}

func TestSocket_ReadsAsConnectionDoes(t *testing.T) {
	local, peer := connect(t)
	s := socket.New(local)
	buffer := make([]byte, 4)
	const text = "read in pieces of four bytes"
	go func() {
		for piece := range strings.SplitAfterSeq(text, " ") { // some reads wait, some do not
			peer.Write([]byte(piece))
		}
		peer.(*net.TCPConn).CloseWrite()
	}()
	var got strings.Builder
	for {
		n, err := s.Read(buffer)
		got.Write(buffer[:n])
		if err == io.EOF {
			break
		}
		if err != nil || n == 0 {
			t.Fatalf("read %d bytes, %v", n, err)
		}
	}
	if got.String() != text {
		t.Errorf("read %q, want %q", got.String(), text)
	}
	local.SetReadDeadline(time.Unix(1, 0))
	if _, err := s.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v, want os.ErrDeadlineExceeded", err)
	}
	local.Close()
	if _, err := s.Read(buffer); !errors.Is(err, net.ErrClosed) {
		t.Errorf("of a closed connection: %v, want net.ErrClosed", err)
	}
}

// recorder is a Buffer that reports when it was given back.
type recorder struct {
	room      [16]byte
	givenBack chan struct{}
}

func (r *recorder) Take() []byte { return r.room[:] }
func (r *recorder) GiveBack()    { r.givenBack <- struct{}{} }

func TestSocket_HoldsNoBufferWhileNothingComes(t *testing.T) {
	local, peer := connect(t)
	s, into := socket.New(local), &recorder{givenBack: make(chan struct{}, 1)}
	read := make(chan string)
	go func() {
		n, err := s.ReadInto(into)
		if err != nil {
			t.Error(err)
		}
		read <- string(into.room[:n])
	}()
	<-into.givenBack
	peer.Write([]byte("now"))
	if got := <-read; got != "now" {
		t.Errorf("read %q, want now", got)
	}
}

func TestSocket_HasInputOrEnd(t *testing.T) {
	for _, row := range []struct {
		name string
		peer func(net.Conn)
		want bool
	}{
		{"silent", func(net.Conn) {}, false},
		{"sent something", func(c net.Conn) { c.Write([]byte("x")) }, true},
		{"closed", func(c net.Conn) { c.Close() }, true},
	} {
		local, peer := connect(t)
		s := socket.New(local)
		local.SetReadDeadline(time.Unix(1, 0)) // left by an earlier exchange
		row.peer(peer)
		if row.want { // wait for what the peer did, and leave it unread
			raw, err := local.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			local.SetReadDeadline(time.Time{})
			if err := raw.Read(func(uintptr) bool { return s.HasInputOrEnd() }); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.HasInputOrEnd(); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}
