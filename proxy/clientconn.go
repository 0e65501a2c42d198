package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"originwarden/proxy/http1"
)

// clientConn is a connection of a client, with all that net/http knows to do
// with one of TCP, and what belongs to this client alone.
type clientConn struct {
	*net.TCPConn
	leave   func() // gives the place of the connection to another one; nil: it has none
	session http1.Session
	broken  atomic.Bool // a read or write failed, other than by the end of what the client sends
	lingers atomic.Bool // the client may be sending still when it is closed
	closed  atomic.Bool
	writing atomic.Int64    // when the write that is under way began, in Unix nanoseconds; 0 is none
	cut     <-chan struct{} // closed when the server ends what runs; nil before ConnContext
}

type clientConnKey struct{}

// ConnContext is for http.Server: exchanges get to know the connection that they
// came on, if its listener is one of LimitConnections. Without it, nothing
// belongs to a client for longer than a request, and a client that ends its
// sending side is taken for gone.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	c, ok := conn.(*clientConn)
	if !ok {
		return ctx
	}
	c.cut = ctx.Done()
	return context.WithValue(ctx, clientConnKey{}, c)
}

// clientConnOf returns the connection of a request, or nil.
func clientConnOf(ctx context.Context) *clientConn {
	c, _ := ctx.Value(clientConnKey{}).(*clientConn)
	return c
}

// Read implements net.Conn.
func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.broken.Store(true)
	}
	return n, err
}

// Write implements net.Conn. net/http gives up a connection after an error.
func (c *clientConn) Write(p []byte) (int, error) {
	c.writing.Store(time.Now().UnixNano())
	n, err := c.TCPConn.Write(p)
	c.writing.Store(0)
	if err != nil {
		c.broken.Store(true)
	}
	return n, err
}

// writeStalls is how long a write lasts to a client that does not read.
const writeStalls = 500 * time.Millisecond

// cutStalled ends the connection if its client does not read.
func (c *clientConn) cutStalled() {
	if c == nil {
		return
	}
	if began := c.writing.Load(); began != 0 && time.Now().UnixNano()-began >= int64(writeStalls) {
		c.TCPConn.Close() // a deadline would be set anew by TLS, for its last alert
	}
}

// For a client that is sending while it is answered for good.
const (
	lingerQuiet = 2 * time.Second  // without a byte
	lingerTotal = 15 * time.Second // in all
)

// Close implements net.Conn. A connection that is closed with bytes unread is
// reset, and the answer may be lost with it (RFC 9112, section 9.6): what a client
// still sends is read and thrown away for a while.
func (c *clientConn) Close() error {
	if c.closed.Swap(true) {
		return c.TCPConn.Close()
	}
	if c.leave != nil {
		defer c.leave()
	}
	c.session.Close()
	if c.lingers.Load() && !c.isCut() && c.CloseWrite() == nil {
		c.discard(time.Now().Add(lingerTotal))
	}
	return c.TCPConn.Close()
}

func (c *clientConn) discard(until time.Time) {
	buffer := make([]byte, 16<<10)
	for now := time.Now(); now.Before(until) && !c.isCut(); now = time.Now() {
		c.SetReadDeadline(now.Add(min(lingerQuiet, until.Sub(now))))
		if _, err := c.TCPConn.Read(buffer); err != nil {
			return
		}
	}
}

// goneEvery is how often a client that has ended its sending side is looked for.
const goneEvery = time.Second

// awaitGone returns when the client is gone, when the server ends what runs, or
// with ctx. A client that has only ended its sending side waits for its answer.
func (c *clientConn) awaitGone(ctx context.Context) {
	ticker := time.NewTicker(goneEvery)
	defer ticker.Stop()
	for !c.broken.Load() && !isGone(c.TCPConn) {
		select {
		case <-ticker.C:
		case <-c.cut:
			return
		case <-ctx.Done():
			return
		}
	}
}

// isCut reports whether the server has ended what runs.
func (c *clientConn) isCut() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.cut:
		return true
	default:
		return false
	}
}
