package fastlane

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/proxy/downstream"
)

// Handler serves the requests of the fast lane, on the goroutine of their
// connection. It is used concurrently.
type Handler interface {
	// ServeFast serves the request of r, and reports what becomes of its
	// connection. Before OtherLane it has sent nothing. It keeps nothing of r but
	// strings of its Head. It neither reads nor closes the connection: closing would
	// wait for its own end.
	ServeFast(r *Request) Outcome
}

// Outcome is what becomes of a connection after a request.
type Outcome uint8

const (
	// KeepOpen: the response is complete, and the client may send the next request.
	KeepOpen Outcome = iota
	// CloseNow: the connection is closed.
	CloseNow
	// OtherLane: net/http serves this request and all that follow on the connection.
	OtherLane
)

// Settings are the limits of a Listener; 0 is none. The durations may be exceeded by
// an eighth, and by a second at most.
type Settings struct {
	// HeadBytes is the length of a head, with its empty line, in bytes. A longer one is
	// left to net/http, and so is one of more than 16 KiB, whatever the limit.
	HeadBytes int
	// ReadHead is from the first byte of a head to its last. A TLS handshake may take
	// as long, and so may the first byte of a connection.
	ReadHead time.Duration
	// Idle is how long a client may send nothing between requests.
	Idle time.Duration
	// ErrorLog is where panics are reported; nil is the logger of package log.
	ErrorLog *log.Logger
}

// Listener serves the connections of another listener in the fast lane. Accept
// returns those that net/http is to serve: those that were handed over, those that
// speak HTTP/2 or whose TLS handshake failed, and all that are no *downstream.Conn, or
// simply all if there is no fast lane. It may be used concurrently.
type Listener struct {
	aborted <-chan struct{}
	inner   net.Listener
	tls     *tls.Config // nil: no TLS
	handler Handler

	settings atomic.Pointer[Settings]
	buffers  downstream.Buffers // of HTTP/2
	others   chan net.Conn
	failed   chan struct{} // closed when inner accepts no more, because of err
	err      error
	closing  chan struct{}

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
	empty  chan struct{} // closed when closing and no connection is left
}

// NewListener returns a Listener over inner, whose connections speak TLS if config
// is not nil. It accepts at once, until Close. If handler is nil, net/http serves all
// connections, after the TLS handshake. When ctx ends, the requests that run are aborted:
// their exchanges with tenants end, and IsAborted of their connections is true.
func NewListener(ctx context.Context, inner net.Listener, config *tls.Config, handler Handler, settings Settings) *Listener {
	l := &Listener{aborted: ctx.Done(), inner: inner, tls: config, handler: handler, others: make(chan net.Conn), failed: make(chan struct{}),
		closing: make(chan struct{}), conns: map[*conn]struct{}{}, empty: make(chan struct{})}
	l.settings.Store(&settings)
	context.AfterFunc(ctx, l.abort)
	go l.accept()
	return l
}

// Protocols returns the protocols of an http.Server that serves what a Listener accepts,
// with TLS or without. Over TLS, they have UnencryptedHTTP2 for downstream.HTTP2Conn.
func Protocols(tls bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(tls)
	p.SetUnencryptedHTTP2(tls)
	return p
}

// SetSettings changes the limits of all connections, from the next time that they
// wait for a client.
func (l *Listener) SetSettings(settings Settings) { l.settings.Store(&settings) }

// accept serves every connection of the inner listener.
func (l *Listener) accept() {
	for pause := time.Duration(0); ; {
		raw, err := l.inner.Accept()
		switch temporary, ok := err.(interface{ Temporary() bool }); {
		case err == nil:
			pause = 0
			l.serve(raw)
		case ok && temporary.Temporary(): // such as too many open files
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			time.Sleep(pause)
		default:
			l.err = err
			close(l.failed)
			return
		}
	}
}

// serve serves an accepted connection.
func (l *Listener) serve(raw net.Conn) {
	c := newConn(l, raw)
	switch {
	case l.handler == nil && l.tls == nil:
		l.handOver(raw)
	case l.track(c):
		go c.serve()
	default:
		raw.Close()
	}
}

// Accept returns the next connection that net/http is to serve. Its error is
// net.ErrClosed after Close, or that of the inner listener when this accepts no more;
// temporary ones, such as too many open files, are retried.
func (l *Listener) Accept() (net.Conn, error) { return l.acceptUntil(nil) }

func (l *Listener) acceptUntil(ended <-chan struct{}) (net.Conn, error) {
	select {
	case c := <-l.others:
		return c, nil
	case <-ended:
		return nil, net.ErrClosed
	case <-l.closing:
		return nil, net.ErrClosed
	case <-l.failed:
		return nil, l.err
	}
}

// Lease returns a listener whose Accept is that of l until End. With it, an
// http.Server can be replaced by another one while l goes on.
func (l *Listener) Lease() *Lease { return &Lease{Listener: l, ended: make(chan struct{})} }

// Lease is a Listener as one http.Server uses it. It may be used concurrently.
type Lease struct {
	*Listener
	ended chan struct{}
	once  sync.Once
}

// Accept implements net.Listener. After End its error is net.ErrClosed.
func (l *Lease) Accept() (net.Conn, error) { return l.acceptUntil(l.ended) }

// End ends Accept, also one that waits. Afterwards, Close does nothing.
func (l *Lease) End() { l.once.Do(func() { close(l.ended) }) }

// HasEnded reports whether End was called.
func (l *Lease) HasEnded() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// Close closes the Listener, unless the lease has ended.
func (l *Lease) Close() error {
	if l.HasEnded() {
		return nil
	}
	return l.Listener.Close()
}

// Addr returns the address of the inner listener.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close accepts no more connections, and closes those that are idle. Others are
// closed after their response, or when they would be handed over. It does not concern
// those that were handed over. It returns the error of closing the inner listener; a
// second call does nothing.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.closing)
	for c := range l.conns {
		c.closeIfIdle()
	}
	if len(l.conns) == 0 {
		close(l.empty)
	}
	return l.inner.Close()
}

// Shutdown closes the listener as Close does. It returns nil when no connection is in
// the fast lane any more, or the error of ctx when that ends before.
func (l *Listener) Shutdown(ctx context.Context) error {
	l.Close()
	select {
	case <-l.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CloseAll closes the listener, and all connections of the fast lane at once: requests
// that are served cannot write any more. It does not wait for their end.
func (l *Listener) CloseAll() {
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		go c.rw.Close() // which waits for the end of what is served
	}
}

// abort ends the exchanges with tenants that run.
func (l *Listener) abort() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if r := c.active.Load(); r != nil {
			r.Canceler.Cancel()
		}
	}
}

func (l *Listener) isClosing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// track notes an open connection, or returns false if the listener is closed.
func (l *Listener) track(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *Listener) untrack(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if l.closed && len(l.conns) == 0 {
		close(l.empty)
	}
}

// handOver gives a connection to net/http, or closes it if that serves no more.
func (l *Listener) handOver(c net.Conn) {
	select {
	case l.others <- c:
	case <-l.closing:
		c.Close()
	}
}
