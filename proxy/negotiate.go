package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"originwarden/origins"
	"originwarden/proxy/http1"
)

// What an upstream of TLS speaks.
const (
	speaksAny   int32 = iota // nobody knows yet
	speaksHTTP1              // it has agreed on HTTP/1.1
	speaksHTTP2              // it has agreed on HTTP/2
	onlyHTTP1                // it authenticates connections, which HTTP/2 has no place for
)

// That a new connection speaks another protocol. Nothing was sent yet.
var (
	errSpeaksHTTP1 = errors.New("the upstream speaks HTTP/1.1")
	errSpeaksHTTP2 = errors.New("the upstream speaks HTTP/2")
)

// maxNegotiations is how often a request changes the protocol, because its
// upstream does.
const maxNegotiations = 3

// roundTrip sends the request of x by what its upstream speaks.
func (t *transport) roundTrip(x *exchange, r *http.Request) (res *http.Response, err error) {
	for range maxNegotiations {
		if t.takesHTTP2(x, r) {
			res, err = t.byHTTP2(x, r)
		} else {
			res, err = t.byHTTP1(x, r)
		}
		if !errors.Is(err, errSpeaksHTTP1) && !errors.Is(err, errSpeaksHTTP2) {
			break
		}
	}
	return res, err
}

// takesHTTP2 reports whether the request of x is sent by HTTP/2: not before the
// upstream has agreed on it, and not what needs a connection of its own.
func (t *transport) takesHTTP2(x *exchange, r *http.Request) bool {
	x.http1Only = x.Kind == origins.WebSocket || http1.Authenticates(r.Header) || t.speaks.Load() == onlyHTTP1
	return !x.http1Only && t.speaks.Load() == speaksHTTP2
}

func (t *transport) byHTTP1(x *exchange, r *http.Request) (*http.Response, error) {
	sent := &http1.Exchange{Request: r, Target: x.target.bytes(), Session: x.session(), BeforeWait: x.answer.flushPending}
	res, err := t.http1.Do(sent)
	x.spelling = sent.Spelling
	return res, err
}

func (t *transport) byHTTP2(x *exchange, r *http.Request) (*http.Response, error) {
	if r.Body != nil { // http.Transport would close it where it cannot connect
		r = r.WithContext(r.Context())
		r.Body = io.NopCloser(r.Body)
	}
	res, err := t.http2.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if http1.Authenticates(res.Header) {
		t.speaks.Store(onlyHTTP1)
	}
	res.Body = flushingBody{res.Body, &x.answer}
	return res, nil
}

// dial opens a connection of HTTP/1.1. One that turns out to speak HTTP/2 is kept
// for it.
func (t *transport) dial(ctx context.Context) (net.Conn, error) {
	if t.tls == nil {
		return t.dialer.DialContext(ctx, "tcp", t.address)
	}
	offered := []string{"h2", "http/1.1"}
	if exchangeOf(ctx).http1Only {
		offered = offered[1:]
	}
	conn, err := t.dialTLS(ctx, offered)
	switch {
	case err != nil:
		return nil, err
	case conn.ConnectionState().NegotiatedProtocol == "h2":
		t.agree(conn)
		return nil, errSpeaksHTTP2
	}
	if len(offered) > 1 {
		t.speaks.CompareAndSwap(speaksAny, speaksHTTP1)
	}
	return conn, nil
}

// agree takes in that the upstream speaks HTTP/2, and keeps the connection that
// has told so first. Another one would wait for a request of much later, and be
// closed by then with nobody watching.
func (t *transport) agree(conn *tls.Conn) {
	if !t.speaks.CompareAndSwap(speaksAny, speaksHTTP2) && !t.speaks.CompareAndSwap(speaksHTTP1, speaksHTTP2) {
		conn.Close()
		return
	}
	if unused := t.agreed.Swap(&agreed{conn, time.Now()}); unused != nil {
		unused.conn.Close()
	}
}

// agreed is a connection that speaks HTTP/2 and has not been used.
type agreed struct {
	conn  *tls.Conn
	since time.Time
}

const agreedFor = time.Second // whoever has opened it asks for it at once

// takeAgreed returns the connection that was kept just now, or nil.
func (t *transport) takeAgreed() *tls.Conn {
	kept := t.agreed.Swap(nil)
	if kept == nil {
		return nil
	}
	if time.Since(kept.since) < agreedFor {
		return kept.conn
	}
	kept.conn.Close()
	return nil
}

// dialHTTP2 is what http.Transport has to open connections. It is given the host
// of a request and connects to the upstream.
func (t *transport) dialHTTP2(ctx context.Context, _, _ string) (net.Conn, error) {
	if conn := t.takeAgreed(); conn != nil {
		return conn, nil
	}
	conn, err := t.dialTLS(ctx, []string{"h2", "http/1.1"})
	if err != nil {
		return nil, err
	}
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		conn.Close()
		t.speaks.CompareAndSwap(speaksHTTP2, speaksHTTP1)
		return nil, errSpeaksHTTP1
	}
	return conn, nil
}

func (t *transport) dialTLS(ctx context.Context, offered []string) (*tls.Conn, error) {
	raw, err := t.dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	config := t.tls.Clone()
	config.NextProtos = offered
	if t.dialer.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.dialer.Timeout)
		defer cancel()
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

func (t *transport) newHTTP2(timeouts Timeouts) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Transport{
		DialTLSContext:         t.dialHTTP2,
		Protocols:              protocols,
		ResponseHeaderTimeout:  timeouts.Response,
		IdleConnTimeout:        timeouts.Idle,
		MaxResponseHeaderBytes: 256 << 10, // far more than browsers take
		DisableCompression:     true,
	}
}

func (t *transport) closeIdleHTTP2() {
	if t.http2 == nil {
		return
	}
	t.http2.CloseIdleConnections()
	if unused := t.agreed.Swap(nil); unused != nil {
		unused.conn.Close()
	}
}
