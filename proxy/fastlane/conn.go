package fastlane

import (
	"cmp"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"originwarden/envelope/clientaddr"
	"originwarden/proxy/downstream"
	"originwarden/proxy/socket"
)

// conn is a connection of a client.
type conn struct {
	listener *Listener
	raw      *downstream.Conn
	tls      *tls.Conn // nil: no TLS
	rw       net.Conn  // tls or raw
	peer     netip.Addr
	state    atomic.Int32
	work     *Request // nil while it is idle
	active   atomic.Pointer[Request]
	served   bool      // a request came before
	posted   bool      // and that was a POST
	partial  bool      // work has the beginning of a request
	outcome  Outcome   // of the last request that was served
	idle     time.Time // since when the client may send nothing
	err      error     // why it is over; nil: it is not

	readBy  deadline
	writeBy deadline
}

// States of a conn.
const (
	stateIdle int32 = iota // nothing of a request was read
	stateActive
	stateClosed
)

func newConn(l *Listener, raw net.Conn) *conn {
	c := &conn{listener: l, rw: raw, peer: clientaddr.Parse(raw.RemoteAddr().String())}
	c.raw, _ = raw.(*downstream.Conn)
	if l.tls != nil {
		c.tls = tls.Server(raw, l.tls)
		c.rw = c.tls
	}
	return c
}

// serve serves the connection's requests until it is closed or handed over.
func (c *conn) serve() {
	defer c.listener.untrack(c)
	defer c.containPanic()
	if c.raw != nil {
		c.raw.SetAborted(c.listener.aborted)
	}
	switch {
	case c.raw == nil || !c.handshake():
		c.handOverUnread(c.rw)
		return
	case c.isHTTP2():
		c.limitPreface()
		c.handOverUnread(downstream.NewHTTP2Conn(c.tls, c.raw, &c.listener.buffers, c.reportBogus))
		return
	case c.listener.handler == nil:
		c.handOverUnread(c.tls)
		return
	}
	for c.await() {
		if c.partial {
			c.outcome = c.serveRequest()
		}
		if c.outcome == OtherLane {
			c.handOver()
			return
		}
		if c.outcome == CloseNow || c.listener.isClosing() {
			break
		}
		if c.endRequest() && c.listener.isClosing() {
			c.closeIfIdle()
		}
	}
	c.rw.Close()
	c.release()
}

// containPanic closes the connection after a panic, which ends no other one. The
// buffers are not used again.
func (c *conn) containPanic() {
	if cause := recover(); cause != nil {
		c.errorLog().Printf("panic serving %v: %v\n%s", c.peer, cause, debug.Stack())
		c.rw.Close()
	}
}

func (c *conn) errorLog() *log.Logger {
	return cmp.Or(c.listener.settings.Load().ErrorLog, log.Default())
}

// reportBogus reports a client that has chosen HTTP/2 and sends something else.
func (c *conn) reportBogus() {
	c.errorLog().Printf("HTTP/2 with a bogus greeting from %v", c.peer)
}

// handshake completes that of TLS, and reports whether net/http need not know the
// connection as one with TLS: it knows what to say about a handshake that failed, and
// about HTTP/2 over TLS 1.2.
func (c *conn) handshake() bool {
	if c.tls == nil {
		return true
	}
	if limit := c.listener.settings.Load().ReadHead; limit > 0 {
		c.raw.SetDeadline(time.Now().Add(limit))
		defer c.raw.SetDeadline(time.Time{})
	}
	if c.tls.Handshake() != nil {
		return false
	}
	state := c.tls.ConnectionState()
	c.raw.SetTLS(&state)
	return state.NegotiatedProtocol != "h2" || state.Version >= tls.VersionTLS13
}

func (c *conn) isHTTP2() bool {
	state := c.raw.TLS()
	return state != nil && state.NegotiatedProtocol == "h2"
}

// limitPreface limits the time until the client has sent the preface of HTTP/2. net/http
// removes the limit then, and has one of its own only if there is one for heads.
func (c *conn) limitPreface() {
	limit := cmp.Or(c.listener.settings.Load().ReadHead, 10*time.Second)
	c.raw.SetReadDeadline(time.Now().Add(limit))
}

// take returns the connection's buffer, a new one if it has none.
func (c *conn) take() *Request {
	if c.work == nil {
		c.work = takeRequest(c)
		c.active.Store(c.work)
	}
	return c.work
}

func (c *conn) release() {
	if c.work != nil {
		c.active.Store(nil)
		putRequest(c.work)
		c.work = nil
	}
}

func (c *conn) serveRequest() Outcome {
	if !c.work.readHead() {
		return c.work.failed
	}
	return c.listener.handler.ServeFast(c.work)
}

// endRequest ends the request that was served, and reports whether the connection is idle:
// nothing was sent after it.
func (c *conn) endRequest() bool {
	c.served, c.posted = true, c.work.Head.Method == http.MethodPost
	if c.work.next(); c.work.buffered() > 0 {
		return false
	}
	c.release()
	c.state.Store(stateIdle)
	return true
}

// closeIfIdle closes the connection unless it is serving a request.
func (c *conn) closeIfIdle() {
	if c.state.CompareAndSwap(stateIdle, stateClosed) {
		c.rw.Close()
	}
}

// handOverUnread gives a connection of which nothing was read to net/http, unless it is
// closed. As long as it is tracked, the listener would close it if it was idle.
func (c *conn) handOverUnread(conn net.Conn) {
	if c.state.CompareAndSwap(stateIdle, stateActive) {
		c.listener.handOver(conn)
	}
}

// handOver gives the connection to net/http, with every byte that was read.
func (c *conn) handOver() {
	c.rw.SetDeadline(time.Time{})
	unread := c.work.unread()
	if c.posted {
		unread = afterPost(unread)
	}
	c.release()
	if c.tls != nil {
		c.listener.handOver(&replayedTLS{c.tls, replay{unread}})
		return
	}
	c.listener.handOver(&replayed{c.raw, replay{unread}})
}

// afterPost drops the line ends that some old clients send after a POST, as net/http
// does in a connection on which it has seen that.
func afterPost(unread []byte) []byte {
	for n := 0; n < 4 && len(unread) > 0 && (unread[0] == '\r' || unread[0] == '\n'); n++ {
		unread = unread[1:]
	}
	return unread
}

// replay is what was read of a connection already.
type replay struct{ unread []byte }

func (r *replay) readFrom(conn io.Reader, p []byte) (int, error) {
	if len(r.unread) == 0 {
		return conn.Read(p)
	}
	n := copy(p, r.unread)
	if r.unread = r.unread[n:]; len(r.unread) == 0 {
		r.unread = nil
	}
	return n, nil
}

// replayed is a connection of which some bytes are read again.
type replayed struct {
	*downstream.Conn
	replay
}

func (c *replayed) Read(p []byte) (int, error) { return c.readFrom(c.Conn, p) }

// ReadInto is for tunnels: see downstream.Conn.
func (c *replayed) ReadInto(buffer socket.Buffer) (int, error) {
	if len(c.unread) > 0 {
		return c.Read(buffer.Take())
	}
	return c.Conn.ReadInto(buffer)
}

// NetConn is for downstream.ConnContext.
func (c *replayed) NetConn() net.Conn { return c.Conn }

// replayedTLS is the same over TLS.
type replayedTLS struct {
	*tls.Conn
	replay
}

func (c *replayedTLS) Read(p []byte) (int, error) { return c.readFrom(c.Conn, p) }
