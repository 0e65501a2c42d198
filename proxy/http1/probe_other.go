//go:build !unix

package http1

import "net"

// probe tells whether the peer of an idle connection is still there.
type probe struct{}

func newProbe(net.Conn) *probe { return nil }

// isLoud cannot be told here without reading.
func (*probe) isLoud() bool { return false }
