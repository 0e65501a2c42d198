package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"originwarden/proxy/fields"
	"originwarden/proxy/http1"
)

// What a TLS upstream speaks.
const (
	speaksUnknown   int32 = iota
	speaksHTTP1           // it has agreed on HTTP/1.1
	speaksHTTP2           // it has agreed on HTTP/2
	speaksOnlyHTTP1       // it authenticates connections, which HTTP/2 does not support
)

// A new connection speaks another protocol. Nothing was sent yet.
var (
	errSpeaksHTTP1 = errors.New("the upstream speaks HTTP/1.1")
	errSpeaksHTTP2 = errors.New("the upstream speaks HTTP/2")
)

// maxNegotiations is how often a request is tried while its upstream changes the
// protocol.
const maxNegotiations = 3

// Do sends the request of call, by HTTP/1.1 if onlyHTTP1, and returns the response like
// http1.Pool.Do. Over TLS, requests that authenticate their connection, and all later
// ones of an upstream that asks for that, are sent by HTTP/1.1 too. For HTTP/2 it sets
// the scheme and the host of the request's URL.
func (u *Upstream) Do(call *http1.Call, onlyHTTP1 bool) (res *http.Response, err error) {
	if u.tls == nil {
		return u.doUnencrypted(call, onlyHTTP1)
	}
	onlyHTTP1 = onlyHTTP1 || fields.Authenticates(call.Request.Header)
	for range maxNegotiations {
		switch speaks := u.speaks.Load(); {
		case onlyHTTP1 || speaks == speaksOnlyHTTP1:
			res, err = u.doOnlyHTTP1(call)
		case speaks == speaksHTTP2:
			res, err = u.doHTTP2(call)
		default:
			res, err = u.http1.Do(call)
		}
		if !errors.Is(err, errSpeaksHTTP1) && !errors.Is(err, errSpeaksHTTP2) {
			break
		}
	}
	return res, err
}

// onlyHTTP1Key is that of a context whose connections offer no HTTP/2.
type onlyHTTP1Key struct{}

func (u *Upstream) doOnlyHTTP1(call *http1.Call) (*http.Response, error) {
	call.Request = call.Request.WithContext(context.WithValue(call.Request.Context(), onlyHTTP1Key{}, true))
	return u.http1.Do(call)
}

// doUnencrypted uses the protocol of the scheme: nothing is negotiated.
func (u *Upstream) doUnencrypted(call *http1.Call, onlyHTTP1 bool) (*http.Response, error) {
	if u.http2 == nil || onlyHTTP1 {
		return u.http1.Do(call)
	}
	return u.doHTTP2(call)
}

func (u *Upstream) doHTTP2(call *http1.Call) (*http.Response, error) {
	r := call.Request
	r.URL.Scheme, r.URL.Host = u.base.Scheme, u.base.Host
	if r.Body != nil { // http.Transport would close it where it cannot connect
		r = r.WithContext(r.Context())
		r.Body = io.NopCloser(r.Body)
	}
	res, err := u.sendHTTP2(r)
	if err != nil {
		return nil, err
	}
	if fields.Authenticates(res.Header) {
		u.speaks.Store(speaksOnlyHTTP1)
	}
	// What ends with its header, as a gRPC call that fails, is not waited for: it has to
	// end so at the client too.
	if call.BeforeWait != nil && res.ContentLength != 0 {
		res.Body = waitingBody{res.Body, call.BeforeWait}
	}
	return res, nil
}

// waitingBody calls beforeWait before each read of an HTTP/2 body.
type waitingBody struct {
	io.ReadCloser
	beforeWait func()
}

// Read implements io.Reader.
func (b waitingBody) Read(p []byte) (int, error) {
	b.beforeWait()
	return b.ReadCloser.Read(p)
}

// dial opens an HTTP/1.1 connection. One that turns out to speak HTTP/2 is kept for
// that.
func (u *Upstream) dial(ctx context.Context) (net.Conn, error) {
	if u.tls == nil {
		return u.dialer.Dial(ctx)
	}
	offered := []string{"h2", "http/1.1"}
	if ctx.Value(onlyHTTP1Key{}) != nil {
		offered = offered[1:]
	}
	conn, err := u.dialTLS(ctx, offered)
	switch {
	case err != nil:
		return nil, err
	case conn.ConnectionState().NegotiatedProtocol == "h2":
		u.agreeOnHTTP2(conn)
		return nil, errSpeaksHTTP2
	}
	if len(offered) > 1 {
		u.speaks.CompareAndSwap(speaksUnknown, speaksHTTP1)
	}
	return conn, nil
}

// agreeOnHTTP2 keeps the first connection on which HTTP/2 was negotiated and closes
// others, which could idle until the server closes them.
func (u *Upstream) agreeOnHTTP2(conn *tls.Conn) {
	if !u.speaks.CompareAndSwap(speaksUnknown, speaksHTTP2) && !u.speaks.CompareAndSwap(speaksHTTP1, speaksHTTP2) {
		conn.Close()
		return
	}
	if before := u.unused.Swap(&unusedConn{conn, time.Now()}); before != nil {
		before.conn.Close()
	}
}

// unusedConn is a connection that speaks HTTP/2 and has not been used.
type unusedConn struct {
	conn  *tls.Conn
	since time.Time
}

const maxUnused = time.Second // the request that has opened it uses it at once

// takeUnused returns the connection that was kept just now, or nil.
func (u *Upstream) takeUnused() *tls.Conn {
	kept := u.unused.Swap(nil)
	if kept == nil {
		return nil
	}
	if time.Since(kept.since) < maxUnused {
		return kept.conn
	}
	kept.conn.Close()
	return nil
}

// dialHTTP2 opens the connections of http.Transport. It connects to the upstream
// whatever the host of the request is.
func (u *Upstream) dialHTTP2(ctx context.Context, _, _ string) (net.Conn, error) {
	if conn := u.takeUnused(); conn != nil {
		return conn, nil
	}
	conn, err := u.dialTLS(ctx, []string{"h2", "http/1.1"})
	if err != nil {
		return nil, err
	}
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		conn.Close()
		u.speaks.CompareAndSwap(speaksHTTP2, speaksHTTP1)
		return nil, errSpeaksHTTP1
	}
	return conn, nil
}

func (u *Upstream) dialTLS(ctx context.Context, offered []string) (*tls.Conn, error) {
	raw, err := u.dialer.Dial(ctx)
	if err != nil {
		return nil, err
	}
	config := u.tls.Clone()
	config.NextProtos = offered
	if u.dialer.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, u.dialer.Timeout)
		defer cancel()
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// newHTTP2 returns the transport for HTTP/2, over TLS or, with prior knowledge, without
// it (RFC 9113, section 3.3). It does not speak HTTP/1.
func (u *Upstream) newHTTP2(r Route) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(u.tls != nil)
	protocols.SetUnencryptedHTTP2(u.tls == nil)
	return &http.Transport{
		DialTLSContext:         u.dialHTTP2,
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return u.dialer.Dial(ctx) },
		Protocols:              protocols,
		ResponseHeaderTimeout:  r.Response,
		IdleConnTimeout:        r.Idle,
		MaxResponseHeaderBytes: 256 << 10, // far more than browsers accept
		DisableCompression:     true,
	}
}

func (u *Upstream) closeIdleHTTP2() {
	if u.http2 == nil {
		return
	}
	u.http2.CloseIdleConnections()
	if kept := u.unused.Swap(nil); kept != nil {
		kept.conn.Close()
	}
}
