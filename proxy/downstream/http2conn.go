package downstream

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"time"
)

// HTTP2Conn is a connection whose client has chosen HTTP/2 in its TLS handshake.
//
// net/http writes the frames of each stream by themselves. Here, what several streams
// write at the same time becomes one TLS record and one system call, which are most of
// what a short response costs. net/http takes it for one without TLS, which it serves if
// http.Protocols has UnencryptedHTTP2; Conn.TLS has the state of TLS.
type HTTP2Conn struct {
	net.Conn
	raw     *Conn
	buffers *Buffers
	bogus   func() // see NewHTTP2Conn
	preface string // what is left of the client's preface

	mu      sync.Mutex
	changed sync.Cond // of what follows
	pending []byte    // what the writer is to write; nil: nothing
	running bool      // the writer, while something is pending
	closing bool
	err     error // of writing, for all later writes
}

// clientPreface is what a client of HTTP/2 sends first (RFC 9113, section 3.4).
const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// NewHTTP2Conn returns the connection of conn, whose handshake over raw has chosen HTTP/2
// and TLS 1.3: net/http checks what HTTP/2 demands of earlier versions (RFC 9113, section
// 9.2) only of connections that it knows to have TLS. It takes a buffer while it writes,
// and another one for what is written meanwhile. bogus is called for a client that does
// not begin with the preface.
func NewHTTP2Conn(conn *tls.Conn, raw *Conn, buffers *Buffers, bogus func()) *HTTP2Conn {
	c := &HTTP2Conn{Conn: conn, raw: raw, buffers: buffers, bogus: bogus, preface: clientPreface}
	c.changed.L = &c.mu
	return c
}

// NetConn is for ConnContext.
func (c *HTTP2Conn) NetConn() net.Conn { return c.raw }

// Read implements net.Conn. A client that does not begin with the preface is at its end:
// net/http would take it for one of HTTP/1.1.
func (c *HTTP2Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.preface != "" {
		begin := p[:min(n, len(c.preface))]
		if !strings.HasPrefix(c.preface, string(begin)) {
			c.bogus()
			return 0, io.EOF
		}
		c.preface = c.preface[len(begin):]
	}
	return n, err
}

// Write implements net.Conn. It returns before p is sent; an error of sending is that of a
// later Write. It waits while a buffer's length is pending.
func (c *HTTP2Conn) Write(p []byte) (written int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(p) > 0 {
		for len(c.pending) == bufferSize && c.failure() == nil {
			c.changed.Wait()
		}
		if err := c.failure(); err != nil {
			return written, err
		}
		n := c.append(p)
		p, written = p[n:], written+n
	}
	return written, nil
}

func (c *HTTP2Conn) failure() error {
	if c.closing {
		return net.ErrClosed
	}
	return c.err
}

// append has the writer write as much of p as has room, and returns how much that is.
func (c *HTTP2Conn) append(p []byte) int {
	if c.pending == nil {
		c.pending = c.buffers.Get()[:0]
	}
	if !c.running {
		c.running = true
		go c.write()
	}
	n := min(len(p), bufferSize-len(c.pending))
	c.pending = append(c.pending, p[:n]...)
	return n
}

// write writes what is pending, until nothing is or a write has failed. A goroutine that
// stayed would be the most of what an idle connection needs.
func (c *HTTP2Conn) write() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pending != nil && c.err == nil {
		c.err = c.writePending()
	}
	if c.err != nil {
		c.raw.TCPConn.Close() // net/http learns of it by reading
	}
	c.running = false
	c.changed.Broadcast()
}

// writePending writes what is pending after the other streams have written what they
// have. It is called with mu held.
func (c *HTTP2Conn) writePending() error {
	c.mu.Unlock()
	defer c.mu.Lock()
	runtime.Gosched()
	c.mu.Lock()
	buffer := c.pending
	c.pending = nil
	c.changed.Broadcast()
	c.mu.Unlock()
	_, err := c.Conn.Write(buffer)
	c.buffers.Put(buffer[:bufferSize])
	return err
}

// closeTime is how long Close waits for what is pending to be sent, if writes have no limit.
const closeTime = 30 * time.Second

// Close implements net.Conn. It sends what is pending before, which net/http takes to be
// sent: a client that reads slowly gets it, within the limit of writes. It does not wait
// for a client that is gone, nor when the server aborts its requests.
func (c *HTTP2Conn) Close() error {
	c.mu.Lock()
	c.closing = true
	c.changed.Broadcast()
	if c.running {
		cut := c.cutLater()
		for c.running {
			c.changed.Wait()
		}
		cut()
	}
	c.mu.Unlock()
	return c.Conn.Close()
}

// cutLater cuts the connection when nothing more can be sent in time, unless the function
// that it returns is called before.
func (c *HTTP2Conn) cutLater() (stop func()) {
	if c.raw.broken.Load() {
		c.raw.TCPConn.Close()
		return func() {}
	}
	limit := closeTime
	if set := time.Duration(c.raw.limit.Load()); set > 0 {
		limit = 2 * set // the deadline of each write comes first
	}
	sent := make(chan struct{})
	go func() {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-sent:
			return
		case <-c.raw.aborted:
		case <-timer.C:
		}
		c.raw.TCPConn.Close()
	}()
	return func() { close(sent) }
}
