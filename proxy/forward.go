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

// CauseClient is the one cause that is none of the tenant's: the client was gone
// first.
const CauseClient = upstream.CauseClient

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
	sent := &http1.Exchange{Request: r, Target: x.target.bytes(), Session: x.session(), BeforeWait: x.answer.flushPending}
	res, err := x.tenant.upstream.Do(sent, x.Kind == origins.WebSocket)
	x.spelling = sent.Spelling
	return res, err
}

// toTenant hands the request on and sees the answer through.
func (x *exchange) toTenant(r *http.Request) {
	if x.Kind != origins.WebSocket {
		r.Header.Del("Upgrade") // httputil would ask the tenant for it
	}
	x.settings.forward.ServeHTTP(&x.answer, x.withBody(r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))))
	fields.LimitTrailers(x.answer.Header(), x.answer.dress != untouched)
}

// rewrite makes the request that the tenant gets: the client's Host, path and
// query byte for byte, its Origin whatever Connection names, and our own word
// about who sent it.
func rewrite(p *httputil.ProxyRequest) {
	x := exchangeOf(p.In.Context())
	p.Out.URL.Scheme, p.Out.URL.Host = x.tenant.Upstream.Scheme, x.tenant.Upstream.Host
	x.target.write(p.Out, p.In.URL)
	p.Out.Trailer = nil // a trailer would bring fields past those who look at the header

	header := p.Out.Header
	if origin := p.In.Header["Origin"]; origin != nil {
		header["Origin"] = origin
	}
	fields.DropUntrusted(header, x.settings.trusted.Contains(x.peer))
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
	if x.UpstreamCause = upstream.CauseOf(r.Context(), err); x.UpstreamCause == upstream.CauseTimeout {
		x.refuse(upstreamTimeout)
		return
	}
	x.refuse(upstreamUnreachable)
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
