package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"originwarden/proxy/socket"
)

const readBuffer = 4 << 10 // bytes, of each connection

// conn is a connection to an upstream. One exchange uses it at a time.
type conn struct {
	net.Conn
	pool   *Pool
	reader *bufio.Reader  // of the conn itself
	socket *socket.Socket // of the connection, or of that below TLS

	personal   bool          // it authenticates a user: it belongs to one client
	announced  time.Duration // how long the server keeps it idle; 0 is unknown
	idleSince  time.Time
	request    []byte       // is sent before the next read; nil: none
	beforeWait func()       // may be nil
	watch      func() error // may be nil
	due        time.Time    // with watch: of the response's header; zero is no limit
	armed      time.Time    // with watch: the deadline of reads
}

// Read is for the reader alone, which calls it when its buffer is empty.
func (c *conn) Read(p []byte) (int, error) {
	if c.beforeWait != nil {
		c.beforeWait()
	}
	if c.watch != nil {
		return c.readWatched(p)
	}
	return c.read(p)
}

// read waits for bytes of the server, after it has sent the request.
func (c *conn) read(p []byte) (int, error) {
	switch request := c.request; {
	case !c.isPlain():
		return c.Conn.Read(p)
	case request == nil:
		return c.socket.Read(p)
	default:
		c.request = nil
		written, n, err := c.socket.WriteRead(request, p)
		if err != nil && written < len(request) {
			return 0, &lostError{err, written == 0}
		}
		return n, err
	}
}

func (c *conn) isPlain() bool {
	switch c.Conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// watchInterval is how long the server is silent until watch is called.
const watchInterval = time.Second

// readWatched reads, and calls watch while there is nothing to read.
func (c *conn) readWatched(p []byte) (int, error) {
	for {
		c.armWatch(time.Now())
		n, err := c.read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if !c.due.IsZero() && !time.Now().Before(c.due) {
			return 0, err
		}
		if err := c.watch(); err != nil {
			return 0, err
		}
	}
}

// armWatch sets a deadline for reads, unless there is one of an earlier read that
// comes at about that time: setting one costs as much as a short write.
func (c *conn) armWatch(now time.Time) {
	latest := now.Add(watchInterval)
	if !c.due.IsZero() && c.due.Before(latest) {
		latest = c.due
	}
	if c.armed.After(latest) || c.armed.Before(latest.Add(-watchInterval/2)) || !c.armed.After(now) {
		c.armed = latest
		c.SetReadDeadline(latest)
	}
}

// setWatch begins an exchange with watch, which may be nil.
func (c *conn) setWatch(watch func() error) {
	c.watch, c.due = watch, time.Time{}
	if watch == nil && !c.armed.IsZero() {
		c.armed = time.Time{}
		c.SetReadDeadline(c.armed)
	}
}

// newConn returns the connection of raw.
func (p *Pool) newConn(raw net.Conn) *conn {
	c := &conn{Conn: raw, pool: p}
	c.reader = bufio.NewReaderSize(c, readBuffer)
	if tlsConn, ok := raw.(*tls.Conn); ok {
		raw = tlsConn.NetConn()
	}
	c.socket = socket.New(raw)
	return c
}

// isAlive reports whether the server has neither closed the idle connection nor
// sent anything, which would be the response to no request.
func (c *conn) isAlive() bool {
	if c.socket.HasInputOrEnd() {
		return false
	}
	if c.isPlain() {
		return true
	}
	// TLS may have read more than was asked for. A read whose deadline has passed
	// returns only that.
	var b [1]byte
	c.SetReadDeadline(time.Unix(1, 0))
	_, err := c.Conn.Read(b[:])
	c.armed = time.Time{}
	c.SetReadDeadline(c.armed)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// roundTrip is one exchange on a connection.
type roundTrip struct {
	*conn
	out       *Outgoing
	room      *room
	upload    *upload     // nil without one
	stopWatch func() bool // ends the watch over the context

	mu        sync.Mutex
	responded bool // the response's header is there: no deadline is set any more
}

// do sends the request and reads the header of its response. The connection is closed
// unless there is a response.
func (c *conn) do(out *Outgoing) (*Response, error) {
	memory := out.roomFor()
	t := &memory.trip
	*t = roundTrip{conn: c, out: out, room: memory}
	c.personal = c.personal || out.Authenticates
	t.stopWatch = func() bool { return true }
	if out.Context.Done() != nil {
		t.stopWatch = context.AfterFunc(out.Context, func() { c.Close() })
	}
	out.Canceler.set(c)
	watch := out.Watch
	if watch == nil && t.writesWithRead() {
		// An end that came just before WriteRead may go unnoticed, until the next read.
		watch = func() error { return nil }
	}
	c.setWatch(watch)
	res, err := t.run()
	if err == nil {
		return res, nil
	}
	t.stopWatch()
	out.Canceler.set(nil)
	c.Close()
	return nil, t.causeOf(err)
}

// causeOf returns why the exchange failed: the error of its context, that of the
// request's body, or err.
func (t *roundTrip) causeOf(err error) error {
	if ended := t.out.Context.Err(); ended != nil {
		return ended
	}
	if failed := t.upload.readError(); failed != nil {
		return failed
	}
	return err
}

// writesWithRead reports whether the request is written by the read of the response.
func (t *roundTrip) writesWithRead() bool { return t.isPlain() && t.out.Upload == nil }

func (t *roundTrip) run() (*Response, error) {
	if t.writesWithRead() {
		t.request = t.out.Bytes
	} else if n, err := t.Write(t.out.Bytes); err != nil {
		return nil, &lostError{err, n == 0}
	}
	if t.out.Upload != nil {
		t.upload = newUpload(t)
		go t.upload.run()
	} else {
		t.limitResponse()
	}
	head, err := t.readFinalHead()
	if err != nil {
		return nil, err
	}
	t.endLimit()
	return t.response(head)
}

// limitResponse starts the time limit for the response, after the request or what
// could be sent of it.
func (t *roundTrip) limitResponse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch limit := t.pool.config.Response; {
	case limit == 0 || t.responded:
	case t.watch != nil:
		t.due = time.Now().Add(limit)
	default:
		t.SetReadDeadline(time.Now().Add(limit))
	}
}

func (t *roundTrip) endLimit() {
	t.mu.Lock()
	t.responded = true
	if t.due = (time.Time{}); t.watch == nil && t.pool.config.Response > 0 {
		t.SetReadDeadline(time.Time{})
	}
	t.mu.Unlock()
	t.upload.proceedNow() // too late: run sends nothing
}

// end is called when the response has been read to its end (whole), or is no longer
// read.
func (t *roundTrip) end(whole bool) {
	t.beforeWait, t.watch = nil, nil
	t.out.Canceler.set(nil)
	switch {
	case !t.stopWatch(), !whole, !t.upload.isDone(), t.reader.Buffered() > 0, t.personal && t.pool.idle.isRetired():
		t.Close()
	case t.personal:
		t.out.Session.put(t.conn)
	default:
		t.pool.idle.put(t.conn)
	}
}
