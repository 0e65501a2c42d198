package proxy

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"syscall"
	"time"

	"originwarden/origins"
)

// Why a tenant could not answer.
const (
	causeConnect  = "connect"  // refused, no route, no such name
	causeTimeout  = "timeout"  // to connect, or to answer
	causeReset    = "reset"    // the connection was cut before the answer
	causeProtocol = "protocol" // the answer is not HTTP, or switches protocols unasked
	causeClient   = CauseClient
)

// CauseClient is the one cause that is none of the tenant's: the client was gone
// first.
const CauseClient = "client"

// newForwarder returns the one reverse proxy of all tenants.
func newForwarder(errorLog *log.Logger) *httputil.ReverseProxy {
	if errorLog == nil {
		errorLog = log.New(io.Discard, "", 0)
	}
	return &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      toItsTenant{},
		ModifyResponse: received,
		ErrorHandler:   failed,
		BufferPool:     &buffers{},
		ErrorLog:       errorLog,
	}
}

// toItsTenant sends each request by the transport of its tenant.
type toItsTenant struct{}

// RoundTrip implements http.RoundTripper.
func (toItsTenant) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r.Context())
	return x.tenant.transport.roundTrip(x, r)
}

// toTenant hands the request on and sees the answer through.
func (x *exchange) toTenant(r *http.Request) {
	if x.Kind != origins.WebSocket {
		r.Header.Del("Upgrade") // httputil would ask the tenant for it
	}
	x.settings.forward.ServeHTTP(&x.answer, x.withBody(r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))))
	x.answer.finish()
}

// rewrite makes the request that the tenant gets: the client's Host, path and
// query byte for byte, its Origin whatever Connection names, and our own word
// about who sent it.
func rewrite(p *httputil.ProxyRequest) {
	x := exchangeOf(p.In.Context())
	upstream := x.tenant.Upstream
	p.Out.URL.Scheme, p.Out.URL.Host = upstream.Scheme, upstream.Host
	x.target.write(p.Out, p.In.URL)
	p.Out.Trailer = nil // a trailer would bring fields past those who look at the header

	header := p.Out.Header
	if origin := p.In.Header["Origin"]; origin != nil {
		header["Origin"] = origin
	}
	x.dropUntrusted(header)
	x.forwardedHeaders(header, p.In)
	x.continueTrace(header)
	x.markSent(header, p.In)
	x.asked = time.Now()
}

// received runs when the tenant's header has arrived. A WebSocket is taken
// over from httputil here, which loses bytes and leaks connections on
// upgrades.
func received(res *http.Response) error {
	x := exchangeOf(res.Request.Context())
	x.Upstream = time.Since(x.asked)
	switch {
	case res.StatusCode != http.StatusSwitchingProtocols:
		x.forwarded = true
		return nil
	case x.Kind != origins.WebSocket:
		return errUnasked
	}
	return x.openTunnel(res)
}

// failed answers when the tenant did not.
func failed(_ http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errTunnelled) {
		return
	}
	x := exchangeOf(r.Context())
	if x.Upstream == 0 && !x.asked.IsZero() {
		x.Upstream = time.Since(x.asked)
	}
	x.Err = err
	if problem := x.problemOfBody(err); problem != nil {
		x.refuse(problem)
		return
	}
	if x.UpstreamCause = causeOf(r.Context(), err); x.UpstreamCause == causeTimeout {
		x.refuse(upstreamTimeout)
		return
	}
	x.refuse(upstreamUnreachable)
}

// problemOfBody is the answer when it was the client's body that failed.
func (x *exchange) problemOfBody(err error) *problem {
	switch {
	case x.body == nil:
		return nil
	case errors.Is(err, errBodyTooLarge):
		return bodyTooLarge
	case errors.Is(err, errBodyStalled), x.body.stalled():
		return bodyStalled
	case errors.Is(err, errBodyBroken):
		return bodyBroken
	}
	return nil
}

func causeOf(ctx context.Context, err error) string {
	var timeout net.Error
	var dial *net.OpError
	switch {
	case ctx.Err() != nil:
		return causeClient
	case errors.As(err, &timeout) && timeout.Timeout():
		return causeTimeout
	case errors.As(err, &dial) && dial.Op == "dial":
		return causeConnect
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return causeReset
	}
	return causeProtocol
}

// buffers is a pool of copy buffers. Arrays, because a slice would be
// allocated anew to be put back.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if array, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return array[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
