//go:build !unix

package http1

import "net"

// probe finds out whether the peer of an idle connection is still there.
type probe struct{}

func newProbe(net.Conn) *probe { return nil }

// hasInputOrEnd is unknown here without reading.
func (*probe) hasInputOrEnd() bool { return false }
