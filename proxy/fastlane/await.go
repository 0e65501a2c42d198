package fastlane

import (
	"cmp"
	"errors"
	"net"
	"os"
	"time"
)

// await serves the requests that come wholly, until there is a part of one, or one that
// has another outcome than KeepOpen. It reports false if there are no more requests.
func (c *conn) await() bool {
	c.idle = time.Now()
	switch {
	case c.work != nil: // with what was sent together with the request before
		c.partial = true
	case c.tls != nil:
		c.readBy.arm(c.rw.SetReadDeadline, c.idle, c.idleLimit())
		c.err = c.readFirst()
	default:
		c.armProbe()
		c.readEach()
	}
	return c.err == nil
}

// readEach serves requests as they come, until the client has sent nothing for too long.
func (c *conn) readEach() {
	for {
		err := c.raw.ReadEach((*consumer)(c))
		limit := c.idleLimit()
		if !errors.Is(err, os.ErrDeadlineExceeded) || limit > 0 && time.Since(c.idle) >= limit {
			c.err = cmp.Or(err, c.err)
			return
		}
		c.readBy.arm(c.rw.SetReadDeadline, c.idle, limit)
	}
}

// probeAfter is after how long an idle connection is read again, for an end that ReadEach
// has not noticed.
const probeAfter = 2 * time.Second

func (c *conn) armProbe() {
	limit := c.idleLimit()
	if limit == 0 || limit > probeAfter {
		limit = probeAfter
	}
	c.readBy.arm(c.rw.SetReadDeadline, c.idle, limit)
}

// idleLimit is how long the client may send nothing.
func (c *conn) idleLimit() time.Duration {
	settings := c.listener.settings.Load()
	if !c.served && settings.ReadHead > 0 { // a new connection is here for a request, as in net/http
		return settings.ReadHead
	}
	return settings.Idle
}

// readFirst reads the first byte of a request over TLS, and then takes a buffer. TLS
// keeps the rest of its record. The byte may be all of the record, and the time for the
// rest of the head is another.
func (c *conn) readFirst() error {
	var first [1]byte
	if _, err := c.tls.Read(first[:]); err != nil {
		return err
	}
	w := c.take()
	w.data[0], w.end = first[0], 1
	return c.activate()
}

// activate notes that the connection is not idle.
func (c *conn) activate() error {
	if c.partial = c.state.CompareAndSwap(stateIdle, stateActive); !c.partial {
		return net.ErrClosed
	}
	return nil
}

// consumer is a socket.Consumer of a connection that is idle.
type consumer conn

func (r *consumer) Take() []byte {
	w := (*conn)(r).take()
	return w.data[w.end:]
}

func (r *consumer) GiveBack() { (*conn)(r).release() }

// Consume serves the requests that came wholly.
func (r *consumer) Consume(n int, err error) bool {
	c := (*conn)(r)
	c.work.end += n
	if c.err = err; err == nil {
		c.err = c.activate()
	}
	for c.err == nil && c.work.isWhole() {
		c.partial = false
		if c.outcome = c.serveRequest(); c.outcome != KeepOpen || c.listener.isClosing() {
			return false
		}
		if c.endRequest() {
			return c.awaitNext()
		}
		c.partial = true
	}
	return false
}

// awaitNext sets the time limit for the next request, unless the listener is closing.
func (c *conn) awaitNext() bool {
	if c.listener.isClosing() { // and has not found the connection idle, or has closed it
		c.err = net.ErrClosed
		return false
	}
	c.idle = time.Now()
	c.armProbe()
	return true
}
