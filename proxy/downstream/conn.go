package downstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"originwarden/proxy/http1"
	"originwarden/proxy/socket"
)

// Conn is a connection of a client, with the upstream connections that only this
// client may use. It embeds *net.TCPConn, so that net/http can use sendfile and
// half-close. A nil Conn is an unknown one.
type Conn struct {
	*net.TCPConn
	leave   func() // stops counting the connection; nil: it was not counted
	session http1.Session
	socket  *socket.Socket       // nil until it is used
	tls     *tls.ConnectionState // nil: unknown to net/http, or no TLS
	broken  atomic.Bool          // a read or write failed, other than by the end of what the client sends
	lingers atomic.Bool          // the client may be sending still when it is closed
	closed  atomic.Bool
	writing atomic.Int64    // when the write that is under way began, in Unix nanoseconds; 0 is none
	limit   atomic.Int64    // of each write, in nanoseconds; see LimitWrites
	writeBy atomic.Int64    // the deadline that limit has set, in Unix nanoseconds; 0 is none
	other   atomic.Bool     // another deadline of writes is set
	aborted <-chan struct{} // closed when the server aborts its requests; nil before ConnContext
}

type connKey struct{}

// ConnContext is for http.Server.ConnContext. It lets ConnOf find connections of a
// Listener. On other connections, sessions end with the request, and a client that
// closes its sending side counts as gone.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	if tlsConn, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tlsConn.NetConn()
	}
	c, ok := conn.(*Conn)
	if !ok {
		return ctx
	}
	c.aborted = ctx.Done()
	return context.WithValue(ctx, connKey{}, c)
}

// ConnOf returns the connection of the request with the context ctx, or nil.
func ConnOf(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// SetTLS notes that the connection speaks TLS, for TLS.
func (c *Conn) SetTLS(state *tls.ConnectionState) { c.tls = state }

// TLS returns what SetTLS has noted, or nil. net/http does not find it out of
// connections that are not a tls.Conn.
func (c *Conn) TLS() *tls.ConnectionState {
	if c == nil {
		return nil
	}
	return c.tls
}

// SetAborted has IsAborted report whether aborted is closed, for connections without a
// ConnContext.
func (c *Conn) SetAborted(aborted <-chan struct{}) { c.aborted = aborted }

// Session returns the upstream connections that only this client may use, or nil.
func (c *Conn) Session() *http1.Session {
	if c == nil {
		return nil
	}
	return &c.session
}

// SetLingering says whether the client may still be sending when the connection is
// closed.
func (c *Conn) SetLingering(lingers bool) {
	if c != nil {
		c.lingers.Store(lingers)
	}
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.noteRead(err)
	return n, err
}

// ReadInto reads as Read does, and holds no buffer while there is nothing to read. One
// goroutine calls it at a time.
func (c *Conn) ReadInto(buffer socket.Buffer) (int, error) {
	n, err := c.socketOf().ReadInto(buffer)
	c.noteRead(err)
	return n, err
}

// ReadEach is that of socket.Socket. One goroutine calls it at a time.
func (c *Conn) ReadEach(into socket.Consumer) error { return c.socketOf().ReadEach(into) }

func (c *Conn) socketOf() *socket.Socket {
	if c.socket == nil {
		c.socket = socket.New(c.TCPConn)
	}
	return c.socket
}

func (c *Conn) noteRead(err error) {
	if err != nil && err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.broken.Store(true)
	}
}

// LimitWrites limits how long each write may take, by up to a second more, while no other
// deadline of writes is set; 0 is no limit. Unlike a deadline that is set for each write
// and removed after it, that costs next to nothing. A nil Conn has no limit.
func (c *Conn) LimitWrites(limit time.Duration) {
	if c != nil && c.limit.Load() != int64(limit) {
		c.limit.Store(int64(limit))
	}
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.noteDeadline(t)
	return c.TCPConn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	c.noteDeadline(t)
	return c.TCPConn.SetDeadline(t)
}

// noteDeadline notes a deadline of writes, which replaces that of limit.
func (c *Conn) noteDeadline(t time.Time) {
	c.other.Store(!t.IsZero())
	c.writeBy.Store(0)
}

// setWriteBy sets the deadline of a write that begins now, if there is a limit.
func (c *Conn) setWriteBy(now time.Time) {
	limit := time.Duration(c.limit.Load())
	switch {
	case c.other.Load():
		return
	case limit == 0:
		if c.writeBy.Swap(0) != 0 { // from before the limit was removed
			c.TCPConn.SetWriteDeadline(time.Time{})
		}
		return
	}
	due, slack := now.Add(limit), min(limit/8, time.Second)
	if by := c.writeBy.Load(); by < due.UnixNano() || by > due.Add(slack).UnixNano() {
		c.writeBy.Store(due.Add(slack).UnixNano())
		c.TCPConn.SetWriteDeadline(due.Add(slack))
	}
}

// Write implements net.Conn. net/http gives up a connection after an error.
func (c *Conn) Write(p []byte) (int, error) {
	now := time.Now()
	c.writing.Store(now.UnixNano())
	c.setWriteBy(now)
	n, err := c.TCPConn.Write(p)
	c.writing.Store(0)
	if err != nil {
		c.broken.Store(true)
	}
	return n, err
}

// stalledAfter is how long a write lasts until its client counts as one that does not
// read.
const stalledAfter = 500 * time.Millisecond

// CutStalled closes the connection if its client does not read.
func (c *Conn) CutStalled() {
	if c == nil {
		return
	}
	if began := c.writing.Load(); began != 0 && time.Now().UnixNano()-began >= int64(stalledAfter) {
		c.TCPConn.Close() // TLS would replace a deadline, for its last alert
	}
}

// How long Close waits for a client that is still sending.
const (
	lingerQuiet = 2 * time.Second  // without a byte
	lingerTotal = 15 * time.Second // in all
)

// Close implements net.Conn. A connection that is closed with bytes unread is
// reset, and the response may be lost with it (RFC 9112, section 9.6): what a client
// still sends is read and discarded for a while.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.TCPConn.Close()
	}
	if c.leave != nil {
		defer c.leave()
	}
	c.session.Close()
	if c.lingers.Load() && !c.IsAborted() && c.CloseWrite() == nil {
		c.discard(time.Now().Add(lingerTotal))
	}
	return c.TCPConn.Close()
}

func (c *Conn) discard(until time.Time) {
	buffer := make([]byte, 16<<10)
	for now := time.Now(); now.Before(until) && !c.IsAborted(); now = time.Now() {
		c.SetReadDeadline(now.Add(min(lingerQuiet, until.Sub(now))))
		if _, err := c.TCPConn.Read(buffer); err != nil {
			return
		}
	}
}

const goneInterval = time.Second // between checks of a client that has ended its sending side

// IsGone reports whether the client is gone, as far as that is known without writing.
func (c *Conn) IsGone() bool { return c.broken.Load() || isGone(c.TCPConn) }

// AwaitGone returns when the client is gone, when the server aborts its requests, or
// when ctx ends. A client that has only ended its sending side waits for its response.
func (c *Conn) AwaitGone(ctx context.Context) {
	ticker := time.NewTicker(goneInterval)
	defer ticker.Stop()
	for !c.IsGone() {
		select {
		case <-ticker.C:
		case <-c.aborted:
			return
		case <-ctx.Done():
			return
		}
	}
}

// IsAborted reports whether the server has aborted its requests.
func (c *Conn) IsAborted() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.aborted:
		return true
	default:
		return false
	}
}
