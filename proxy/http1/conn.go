package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const readBuffer = 4 << 10 // bytes, of each connection

// conn is a connection to an upstream. One exchange uses it at a time.
type conn struct {
	net.Conn
	pool   *Pool
	reader *bufio.Reader // of the conn itself
	probe  *probe

	personal   bool          // it authenticates a user: it belongs to one client
	announced  time.Duration // how long the server keeps it idle; 0 is unknown
	idleSince  time.Time
	beforeWait func() // may be nil
}

// Read is for the reader alone, which calls it when its buffer is empty.
func (c *conn) Read(p []byte) (int, error) {
	if c.beforeWait != nil {
		c.beforeWait()
	}
	return c.Conn.Read(p)
}

// newConn returns the connection of raw.
func (p *Pool) newConn(raw net.Conn) *conn {
	c := &conn{Conn: raw, pool: p}
	c.reader = bufio.NewReaderSize(c, readBuffer)
	if tlsConn, ok := raw.(*tls.Conn); ok {
		raw = tlsConn.NetConn()
	}
	c.probe = newProbe(raw)
	return c
}

// isAlive reports whether the server has neither closed the idle connection nor
// sent anything, which would be the response to no request.
func (c *conn) isAlive() bool {
	if c.probe.hasInputOrEnd() {
		return false
	}
	if _, ok := c.Conn.(*net.TCPConn); ok {
		return true
	}
	// TLS may have read more than was asked for. A read whose deadline has passed
	// returns only that.
	var b [1]byte
	c.SetReadDeadline(time.Unix(1, 0))
	_, err := c.Conn.Read(b[:])
	c.SetReadDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// roundTrip is one exchange on a connection.
type roundTrip struct {
	*conn
	call      *Call
	upload    *upload     // nil without a body
	stopWatch func() bool // ends the watch over the context

	mu        sync.Mutex
	responded bool // the response's header is there: no deadline is set any more
}

// do sends the request and reads the header of its response. The connection is closed
// unless there is a response.
func (c *conn) do(call *Call) (*http.Response, error) {
	t := &roundTrip{conn: c, call: call}
	c.personal = c.personal || Authenticates(call.Request.Header)
	t.stopWatch = context.AfterFunc(call.Request.Context(), func() { c.Close() })
	res, err := t.run()
	if err == nil {
		return res, nil
	}
	t.stopWatch()
	c.Close()
	return nil, t.causeOf(err)
}

// causeOf returns why the exchange failed: the error of its context, that of the
// request's body, or err.
func (t *roundTrip) causeOf(err error) error {
	if ended := t.call.Request.Context().Err(); ended != nil {
		return ended
	}
	if failed := t.upload.readError(); failed != nil {
		return failed
	}
	return err
}

func (t *roundTrip) run() (*http.Response, error) {
	r := t.call.Request
	if n, err := t.Write(appendRequest(nil, t.call)); err != nil {
		return nil, &lostError{err, n == 0}
	}
	if hasBody(r) {
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
	if limit := t.pool.config.Response; limit > 0 && !t.responded {
		t.SetReadDeadline(time.Now().Add(limit))
	}
}

func (t *roundTrip) endLimit() {
	t.mu.Lock()
	t.responded = true
	if t.pool.config.Response > 0 {
		t.SetReadDeadline(time.Time{})
	}
	t.mu.Unlock()
	t.upload.proceedNow() // too late: run sends nothing
}

// end is called when the response has been read to its end (whole), or is no longer
// read.
func (t *roundTrip) end(whole bool) {
	t.beforeWait = nil
	switch {
	case !t.stopWatch(), !whole, !t.upload.isDone(), t.reader.Buffered() > 0, t.personal && t.pool.idle.isRetired():
		t.Close()
	case t.personal:
		t.call.Session.put(t.conn)
	default:
		t.pool.idle.put(t.conn)
	}
}
