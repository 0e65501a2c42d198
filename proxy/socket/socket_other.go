//go:build !unix

package socket

import "net"

// Socket is what can be asked of a connection's file descriptor: nothing here.
type Socket struct{ net.Conn }

// New returns the socket of a connection, which is not TLS.
func New(conn net.Conn) *Socket { return &Socket{conn} }

// HasInputOrEnd is unknown here without reading.
func (*Socket) HasInputOrEnd() bool { return false }

// ReadInto reads as net.Conn does.
func (s *Socket) ReadInto(into Buffer) (int, error) { return s.Read(into.Take()) }

// ReadEach has into consume what is read, until it wants no more. Its error is that of
// a deadline, or net.ErrClosed.
func (s *Socket) ReadEach(into Consumer) error { return readEach(s, into) }

// WriteRead writes a request and then reads. An error of writing comes with written less
// than the length of the request.
func (s *Socket) WriteRead(request, response []byte) (written, n int, err error) {
	if written, err = s.Write(request); err == nil {
		n, err = s.Read(response)
	}
	return written, n, err
}
