package proxy

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"originwarden/origins"
	"originwarden/proxy/fields"
	"originwarden/proxy/http1"
	"originwarden/proxy/upstream"
)

// CauseClient is the cause that is not the tenant's: the client was gone first.
const CauseClient = upstream.CauseClient

// newForwarder returns the one reverse proxy of all tenants.
func newForwarder(errorLog *log.Logger) *httputil.ReverseProxy {
	if errorLog == nil {
		errorLog = log.New(io.Discard, "", 0)
	}
	return &httputil.ReverseProxy{
		Rewrite:        rewriteRequest,
		Transport:      tenantTransport{},
		ModifyResponse: handleResponse,
		ErrorHandler:   handleError,
		BufferPool:     &buffers{},
		ErrorLog:       errorLog,
	}
}

// tenantTransport sends each request to the upstream of its tenant.
type tenantTransport struct{}

// RoundTrip implements http.RoundTripper.
func (tenantTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r.Context())
	sent := &http1.Call{Request: r, Target: x.target.originForm(), Session: x.upstreamSession(), BeforeWait: x.response.flushPending}
	res, err := x.tenant.upstream.Do(sent, x.Kind == origins.WebSocket)
	x.spelling = sent.Spelling
	return res, err
}

// forwardToTenant sends the request to the tenant and its response to the client.
func (x *exchange) forwardToTenant(r *http.Request) {
	if x.Kind != origins.WebSocket {
		r.Header.Del("Upgrade") // httputil would ask the tenant for it
	}
	x.settings.forward.ServeHTTP(&x.response, x.withBody(r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))))
	fields.LimitTrailers(x.response.Header(), x.response.cors != corsKept)
}

// rewriteRequest makes the request that the tenant gets: with the client's Host,
// path and query byte for byte, its Origin even if Connection names that, and our
// fields about the client.
func rewriteRequest(p *httputil.ProxyRequest) {
	x := exchangeOf(p.In.Context())
	p.Out.URL.Scheme, p.Out.URL.Host = x.tenant.Upstream.Scheme, x.tenant.Upstream.Host
	x.target.setURL(p.Out, p.In.URL)
	p.Out.Trailer = nil // trailers would bypass the checks of the header

	header := p.Out.Header
	if origin := p.In.Header["Origin"]; origin != nil {
		header["Origin"] = origin
	}
	fields.DropUntrusted(header, x.settings.trusted.Contains(x.peer))
	x.setForwarded(header, p.In)
	x.continueTrace(header)
	x.markSent(header, p.In)
	x.sentAt = time.Now()
}

// handleResponse runs when the tenant's header has arrived. It takes WebSockets over
// from httputil, which loses bytes and leaks connections on upgrades.
func handleResponse(res *http.Response) error {
	x := exchangeOf(res.Request.Context())
	x.UpstreamTime = time.Since(x.sentAt)
	switch {
	case res.StatusCode != http.StatusSwitchingProtocols:
		x.forwarded = true
		return nil
	case x.Kind != origins.WebSocket:
		return errUnasked
	}
	return x.openTunnel(res)
}

// handleError sends the gateway's response to a request that could not be
// forwarded.
func handleError(_ http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errTunnelled) {
		return
	}
	x := exchangeOf(r.Context())
	if x.UpstreamTime == 0 && !x.sentAt.IsZero() {
		x.UpstreamTime = time.Since(x.sentAt)
	}
	x.Err = err
	if problem := x.problemOfBody(err); problem != nil {
		x.refuse(problem)
		return
	}
	if x.UpstreamCause = upstream.CauseOf(r.Context(), err); x.UpstreamCause == upstream.CauseTimeout {
		x.refuse(upstreamTimeout)
		return
	}
	x.refuse(upstreamUnreachable)
}

// buffers is a pool of copy buffers. It holds arrays, because putting a slice back
// allocates.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if array, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return array[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
