package http1

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Config configures a Pool.
type Config struct {
	// Dial opens a connection to the server, with TLS where that is spoken.
	Dial func(context.Context) (net.Conn, error)
	// Response is the time from the last byte of a request to the last of the
	// response's header; 0 is no limit.
	Response time.Duration
	// Idle is how long a connection is kept without a request; 0 is no limit.
	Idle time.Duration
}

// Pool sends requests to one server, and keeps connections to it for the next
// requests. It may be used concurrently.
type Pool struct {
	config Config
	idle   idleConns
	outage outage
}

// New returns a Pool without connections.
func New(config Config) *Pool {
	p := &Pool{config: config}
	p.idle.timeout = config.Idle
	return p
}

// Call is a request for an upstream, and what its response has beside the
// http.Response.
type Call struct {
	// Request is sent with its method, Host, Header, Body, ContentLength and
	// Trailer. Its URL is not used. Its context ends the exchange.
	Request *http.Request
	// Target is the request target, byte for byte. It has no spaces and no
	// control characters.
	Target string
	// Session has the connections that belong to the client alone; nil makes one
	// that ends with the exchange.
	Session *Session
	// BeforeWait, unless nil, is called before a read of the response's body waits
	// for the server; over HTTP/2, before every read.
	BeforeWait func()
	// Spelling is how the server spelled names of the response's header. It is set
	// when Do returns.
	Spelling Spelling
}

// maxAttempts is how often a safe request is sent: on a connection that was kept,
// on a new one, and on another new one.
const maxAttempts = 3

// Do sends the request and returns the response when its header has arrived, also
// when the request's body has not been sent yet. The response's body has to be
// closed. That of a 101 is an io.ReadWriteCloser, the connection.
//
// A request is sent again when its connection is lost before the response begins,
// if nothing of it was sent, or if it is safe (RFC 9110, section 9.2.1) and has
// no body. A server that refuses the connection is tried for up to a second.
// Informational responses are reported to the request's httptrace.ClientTrace.
func (p *Pool) Do(call *Call) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		c, err := p.connectionFor(call, attempt > 1)
		if err != nil {
			return nil, err
		}
		res, err := c.do(call)
		var lost *lostError
		if err == nil || !errors.As(err, &lost) || attempt == maxAttempts || !call.mayRepeat(lost) {
			return res, err
		}
	}
}

// connectionFor returns the client's own connection, one that was kept (unless
// newOnly), or a new one.
func (p *Pool) connectionFor(call *Call, newOnly bool) (*conn, error) {
	if c := call.Session.take(p); c != nil {
		return c, nil
	}
	if !newOnly {
		if c := p.idle.take(call.isRepeatable()); c != nil {
			return c, nil
		}
	}
	return p.dial(call.Request.Context())
}

// CloseIdle closes the connections that no request uses.
func (p *Pool) CloseIdle() { p.idle.closeAll(false) }

// Retire closes the connections that no request uses, and those in use when
// their requests have ended.
func (p *Pool) Retire() { p.idle.closeAll(true) }

// mayRepeat reports whether a request whose connection was lost may be sent on
// another one.
func (c *Call) mayRepeat(lost *lostError) bool {
	if c.Request.Context().Err() != nil {
		return false
	}
	return lost.unsent || c.isRepeatable()
}

// isRepeatable reports whether the request may be sent twice, and can be.
func (c *Call) isRepeatable() bool { return isSafe(c.Request.Method) && !hasBody(c.Request) }

// isSafe reports whether method is safe (RFC 9110, section 9.2.1).
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// lostError says that a connection was lost before the response began.
type lostError struct {
	err    error
	unsent bool // nothing of the request was sent
}

func (e *lostError) Error() string { return "connection lost before the response: " + e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// isLoss reports whether err says that the peer has ended the connection.
func isLoss(err error) bool {
	return err == io.EOF || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
