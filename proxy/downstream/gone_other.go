//go:build !unix

package downstream

import "net"

// isGone reports that a peer that has ended its sending side is gone: it is unknown
// here whether it still reads.
func isGone(*net.TCPConn) bool { return true }
