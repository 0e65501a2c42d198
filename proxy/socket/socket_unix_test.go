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

// requests is a Consumer of requests of one byte.
type requests struct {
	recorder
	came chan string // what was read, or the error
	next chan bool   // the result of Consume
}

func (r *requests) GiveBack() {}

func (r *requests) Consume(n int, err error) bool {
	if err != nil {
		r.came <- err.Error()
	} else {
		r.came <- string(r.room[:n])
	}
	return <-r.next
}

// A Socket reads everything, also what comes while a request is served, or fills the room.
func TestSocket_ReadsEachRequest(t *testing.T) {
	local, peer := connect(t)
	s, r := socket.New(local), &requests{came: make(chan string), next: make(chan bool)}
	ended := make(chan error)
	go func() { ended <- s.ReadEach(r) }()
	text := strings.Repeat("0123456789abcdef", 40)
	peer.Write([]byte(text[:1]))
	for i := range 20 { // one by one, each while the one before is served
		if got := <-r.came; got != text[i:i+1] {
			t.Fatalf("request %d: read %q, want %q", i, got, text[i:i+1])
		}
		peer.Write([]byte(text[i+1 : i+2]))
		r.next <- true
	}
	got := <-r.came
	peer.Write([]byte(text[21:]))
	for r.next <- true; len(got) < len(text)-20; r.next <- true {
		got += <-r.came
	}
	if got != text[20:] {
		t.Errorf("read %q, want %q", got, text[20:])
	}
	peer.Close()
	if got := <-r.came; got != "EOF" {
		t.Errorf("read %q, want EOF", got)
	}
	r.next <- false
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The end of what a peer sends may come in the same event as its last request.
func TestSocket_FindsEndAfterDeadline(t *testing.T) {
	local, peer := connect(t)
	s, r := socket.New(local), &requests{came: make(chan string), next: make(chan bool)}
	ended := make(chan error)
	go func() { ended <- s.ReadEach(r) }()
	for range 20 {
		peer.Write([]byte("x"))
		<-r.came
		r.next <- true
	}
	peer.Write([]byte("y"))
	<-r.came
	peer.Write([]byte("z"))
	peer.Close()
	r.next <- true
	if got := <-r.came; got != "z" {
		t.Errorf("read %q, want z", got)
	}
	local.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	r.next <- true
	for again := false; !again; {
		select {
		case got := <-r.came:
			if again = true; got != "EOF" {
				t.Errorf("read %q, want EOF", got)
			}
			r.next <- false
		case err := <-ended:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("ReadEach: %v, want os.ErrDeadlineExceeded", err)
			}
			local.SetReadDeadline(time.Time{})
			go func() { ended <- s.ReadEach(r) }()
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSocket_WritesAndReads(t *testing.T) {
	local, peer := connect(t)
	s := socket.New(local)
	response := make([]byte, 16)
	go func() {
		request := make([]byte, 3)
		for range 2 {
			peer.Read(request)
			peer.Write(append(request, '!'))
		}
		io.CopyN(io.Discard, peer, 32<<20)
		peer.Write([]byte("all"))
	}()
	huge := strings.Repeat("x", 32<<20) // more than is written at once
	for request, want := range map[string]string{"one": "one!", "two": "two!"} {
		if written, n, err := s.WriteRead([]byte(request), response); written != 3 || string(response[:n]) != want || err != nil {
			t.Errorf("%d bytes written, read %q, %v; want %q", written, response[:n], err, want)
		}
	}
	if written, n, err := s.WriteRead([]byte(huge), response); written != len(huge) || string(response[:n]) != "all" || err != nil {
		t.Errorf("%d bytes written, read %q, %v; want all", written, response[:n], err)
	}
	local.SetReadDeadline(time.Unix(1, 0)) // does not concern writing
	if written, _, err := s.WriteRead([]byte("one"), response); written != 3 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %d bytes written, %v; want 3, os.ErrDeadlineExceeded", written, err)
	}
	local.Close()
	if written, _, err := s.WriteRead([]byte("one"), response); written != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("of a closed connection: %d bytes written, %v; want 0, net.ErrClosed", written, err)
	}
}
