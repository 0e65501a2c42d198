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
