//go:build unix

package http1

import (
	"net"
	"syscall"
)

// probe finds out whether the peer of an idle connection is still there.
type probe struct {
	raw   syscall.RawConn // nil: unknown
	peek  func(fd uintptr) bool
	quiet bool // what peek found
}

// newProbe returns the probe of a connection without TLS.
func newProbe(c net.Conn) *probe {
	p := new(probe)
	if s, ok := c.(syscall.Conn); ok {
		p.raw, _ = s.SyscallConn()
	}
	var b [1]byte
	p.peek = func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		p.quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	}
	return p
}

// hasInputOrEnd reports whether the peer has closed the connection or sent something, as
// far as that is known without reading.
func (p *probe) hasInputOrEnd() bool { return p.raw != nil && (p.raw.Read(p.peek) != nil || !p.quiet) }
