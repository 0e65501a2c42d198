//go:build unix

package socket

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Socket is what can be asked of a connection's file descriptor. One goroutine uses it
// at a time.
type Socket struct {
	conn   net.Conn
	raw    syscall.RawConn // nil: unknown
	yields yields

	peek  func(fd uintptr) // nil until it is used
	quiet bool             // what peek found

	try      func(fd uintptr) bool
	into     Buffer // of try
	fixed    fixed
	attempts int
	n        int
	err      error
}

// New returns the socket of a connection, which is not TLS.
func New(conn net.Conn) *Socket {
	s := &Socket{conn: conn}
	if from, ok := conn.(syscall.Conn); ok {
		s.raw, _ = from.SyscallConn()
	}
	s.try = s.tryRead
	return s
}

// HasInputOrEnd reports whether the peer has closed the connection or sent something, as
// far as that is known without reading. A deadline that has passed does not matter.
func (s *Socket) HasInputOrEnd() bool {
	if s.raw == nil {
		return false
	}
	if s.peek == nil {
		s.peek = s.newPeek()
	}
	// RawConn.Read would fail because of the deadline; Control does not.
	return s.raw.Control(s.peek) != nil || !s.quiet
}

func (s *Socket) newPeek() func(fd uintptr) {
	var b [1]byte
	return func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		s.quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
	}
}

// Read implements io.Reader.
func (s *Socket) Read(p []byte) (int, error) {
	s.fixed = p
	return s.ReadInto(&s.fixed)
}

// ReadInto reads as net.Conn does, into a buffer that is taken when there may be
// something to read, and given back if there is nothing.
func (s *Socket) ReadInto(into Buffer) (int, error) {
	if s.raw == nil {
		return s.conn.Read(into.Take())
	}
	s.yields.before()
	s.into, s.attempts = into, 0
	err := s.raw.Read(s.try)
	s.into, s.fixed = nil, nil
	s.yields.note(s.attempts == 1)
	if err != nil { // of the deadline, or the connection is closed
		return 0, err
	}
	return s.n, s.err
}

// tryRead reports false while there is nothing to read.
func (s *Socket) tryRead(fd uintptr) bool {
	s.attempts++
	into := s.into.Take()
	n, err := syscall.Read(int(fd), into)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), into)
	}
	switch s.n, s.err = max(n, 0), nil; {
	case err == syscall.EAGAIN:
		s.into.GiveBack()
		return false
	case err != nil:
		s.err = os.NewSyscallError("read", err)
	case n == 0 && len(into) > 0:
		s.err = io.EOF
	}
	return true
}
