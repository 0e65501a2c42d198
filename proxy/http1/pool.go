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
	// Dial opens a connection to the server, with TLS where that is spoken. It is
	// required.
	Dial func(context.Context) (net.Conn, error)
	// Response is the time from the last byte of a request to the last of the
	// response's header; 0 is no limit.
	Response time.Duration
	// Idle is how long a connection is kept without a request; 0 is no limit. At most
	// 256 are kept.
	Idle time.Duration
}

// Pool sends requests to one server, and keeps connections to it for the next
// requests. It may be used concurrently.
type Pool struct {
	config Config
	idle   idleConns
}

// New returns a Pool without connections. Call Retire when it is no longer needed.
func New(config Config) *Pool {
	p := &Pool{config: config}
	p.idle.timeout = config.Idle
	return p
}

// Outgoing is a request as it is sent. It is not changed until the response has been
// read or closed.
type Outgoing struct {
	// Method is that in Bytes.
	Method string
	// Bytes are the head of the request, and its body unless that is in Upload. They
	// are sent as they are.
	Bytes []byte
	// HasBody says that the request has a body. Upload is one that is sent while the
	// response is read; nil: none.
	HasBody bool
	Upload  *Upload
	// Authenticates says that the request authenticates its connection; see the
	// function of this name.
	Authenticates bool
	// Session has the connections that belong to the client alone; nil makes one
	// that ends with the exchange.
	Session *Session
	// Context ends the exchange, and is required. Where it cannot end, as
	// context.Background, Canceler does, unless that is nil.
	Context  context.Context
	Canceler *Canceler
	// Watch, unless nil, is called about once a second while the server is silent.
	// Its error ends the exchange.
	Watch func() error
	// BeforeWait, unless nil, is called before a read of the response's body waits
	// for the server.
	BeforeWait func()
	// Informational, unless nil, is called for each informational response. Its
	// error ends the exchange.
	Informational func(status int, fields Fields) error

	room *room
}

// Upload is the body of a request, which is sent while the response is read, on another
// goroutine. That may still read when the response has been closed.
type Upload struct {
	io.Reader
	Length  int64              // in bytes; negative is unknown: it is sent in chunks
	Trailer func() http.Header // after the last chunk; required if Length is negative
	// Expect says that the server is to be asked by Expect: 100-continue.
	Expect bool
}

// maxAttempts is how often a safe request is sent: on a connection that was kept,
// on a new one, and on another new one.
const maxAttempts = 3

// Send sends the request and returns the response when its header has arrived, also
// when the request's body has not been sent yet. The response is valid until out is
// used again; its body has to be closed. That of a 101 is an io.ReadWriteCloser, the
// connection, which the exchange's context does not end.
//
// A request is sent again when its connection is lost before the response begins,
// if nothing of it was sent, or if it is safe (RFC 9110, section 9.2.1) and has
// no body.
//
// The error is that of Context if that has ended, of Upload if it cannot be read, of
// Watch, or of Informational; a *ProtocolError; one with a Timeout method that returns
// true, after Config.Response; or that of Config.Dial or of the connection. There is no
// response to close then.
func (p *Pool) Send(out *Outgoing) (*Response, error) {
	for attempt := 1; ; attempt++ {
		conn, err := p.connectionFor(out, attempt > 1)
		if err != nil {
			return nil, err
		}
		res, err := conn.do(out)
		var lost *lostError
		if err == nil || !errors.As(err, &lost) || attempt == maxAttempts || !out.mayRepeat(lost) {
			return res, err
		}
	}
}

// connectionFor returns the client's own connection, one that was kept (unless
// newOnly), or a new one.
func (p *Pool) connectionFor(out *Outgoing, newOnly bool) (*conn, error) {
	if c := out.Session.take(p); c != nil {
		return c, nil
	}
	if !newOnly {
		if c := p.idle.take(out.isRepeatable()); c != nil {
			return c, nil
		}
	}
	raw, err := p.config.Dial(out.Context)
	if err != nil {
		return nil, err
	}
	return p.newConn(raw), nil
}

// CloseIdle closes the connections that no request uses, except those of Sessions.
func (p *Pool) CloseIdle() { p.idle.closeAll(false) }

// Retire closes the connections that no request uses, and those in use when their
// requests have ended. Those of Sessions are closed after their next request, or with
// their Session. Requests may still be sent.
func (p *Pool) Retire() { p.idle.closeAll(true) }

// mayRepeat reports whether a request whose connection was lost may be sent on
// another one.
func (o *Outgoing) mayRepeat(lost *lostError) bool {
	if o.Context.Err() != nil {
		return false
	}
	return lost.unsent || o.isRepeatable()
}

// isRepeatable reports whether the request may be sent twice, and can be.
func (o *Outgoing) isRepeatable() bool { return isSafe(o.Method) && !o.HasBody }

// isSafe reports whether method is safe (RFC 9110, section 9.2.1).
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
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
