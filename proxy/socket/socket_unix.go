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
	conn net.Conn
	raw  syscall.RawConn // nil: unknown

	peek  func(fd uintptr) // nil until it is used
	quiet bool             // what peek found

	try      func(fd uintptr) bool
	into     Buffer   // of try
	consumer Consumer // of try; nil: one read is enough
	consumed int      // reads of consumers, up to settledAfter
	fixed    fixed
	n        int
	err      error

	exchange func(fd uintptr) bool // nil until it is used
	request  []byte                // of exchange; nil: it is written
	written  int                   // of request; negative: exchange has not begun
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
	s.into = into
	err := s.raw.Read(s.try)
	s.into, s.fixed = nil, nil
	if err != nil { // of the deadline, or the connection is closed
		return 0, err
	}
	return s.n, s.err
}

// ReadEach has into consume what is read, until it wants no more. Its error is that of
// a deadline, or net.ErrClosed. It reads as soon as there is something to read, but the
// end of what the peer sends may go unnoticed until the deadline, if that came together
// with a request after many others: then ReadEach has to be called again.
func (s *Socket) ReadEach(into Consumer) error {
	if s.raw == nil {
		return readEach(s.conn, into)
	}
	s.into, s.consumer = into, into
	defer func() { s.into, s.consumer = nil, nil }()
	return s.raw.Read(s.try)
}

// settledAfter is after how many reads a connection counts as one whose requests come
// one by one. Then what was sent is read with one system call: a second one would only
// find that there is no more, or that the peer has ended sending too.
const settledAfter = 8

// tryRead reports false while there is nothing to read.
func (s *Socket) tryRead(fd uintptr) bool {
	for {
		room := s.into.Take()
		s.n, s.err = ignoringEINTR(syscall.Read, fd, room)
		if s.err == syscall.EAGAIN {
			s.into.GiveBack()
			return false
		}
		full := s.n == len(room)
		switch {
		case s.err != nil:
			s.err = os.NewSyscallError("read", s.err)
		case s.n == 0 && !full:
			s.err = io.EOF
		}
		if s.consumer == nil || !s.consumer.Consume(s.n, s.err) {
			return true
		}
		// The event of what comes from now on is not lost (see internal/poll.FD.RawRead).
		if s.consumed++; s.consumed > settledAfter && !full {
			s.consumed = settledAfter
			return false
		}
	}
}

// WriteRead writes a request, and then reads as Read does. It is for a connection of
// which nothing can be read before. An error of writing comes with written less than
// the length of the request.
func (s *Socket) WriteRead(request, response []byte) (written, n int, err error) {
	if s.raw == nil {
		return s.writeAndRead(request, 0, response)
	}
	if s.exchange == nil {
		s.exchange = s.tryExchange
	}
	s.fixed, s.into, s.request, s.written = response, &s.fixed, request, -1
	err = s.raw.Read(s.exchange)
	written = max(s.written, 0)
	s.into, s.fixed, s.request = nil, nil, nil
	switch {
	case s.written < 0: // a deadline has passed, which does not concern writing
		return s.writeAndRead(request, 0, response)
	case err != nil:
		return written, 0, err
	case s.err != nil:
		return written, s.n, s.err
	case written < len(request):
		return s.writeAndRead(request, written, response)
	}
	return written, s.n, nil
}

// writeAndRead does what is left of WriteRead, of which a part is written.
func (s *Socket) writeAndRead(request []byte, written int, response []byte) (int, int, error) {
	n, err := s.conn.Write(request[written:])
	if written += n; err != nil {
		return written, 0, err
	}
	n, err = s.Read(response)
	return written, n, err
}

// tryExchange writes the request at first. It reports false while the peer has not
// responded.
func (s *Socket) tryExchange(fd uintptr) bool {
	if s.request == nil {
		return s.tryRead(fd)
	}
	n, err := ignoringEINTR(syscall.Write, fd, s.request)
	s.written, s.n, s.err = n, 0, nil
	if err != nil && err != syscall.EAGAIN {
		s.err = os.NewSyscallError("write", err)
	}
	isWritten := n == len(s.request)
	s.request = nil
	return !isWritten
}

// ignoringEINTR calls a system call until no signal interrupts it. It returns no
// negative n.
func ignoringEINTR(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		if n, err := call(int(fd), p); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
