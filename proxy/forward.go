package proxy

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"time"

	"originwarden/origins"
	"originwarden/proxy/cors"
	"originwarden/proxy/downstream"
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
		BufferPool:     &downstream.Buffers{},
		ErrorLog:       errorLog,
	}
}

// tenantTransport sends each request to the upstream of its tenant.
type tenantTransport struct{}

// RoundTrip implements http.RoundTripper.
func (tenantTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r.Context())
	sent := &http1.Call{Request: r, Target: x.targetForTenant().OriginForm(), Session: x.upstreamSession(), BeforeWait: x.response.flushPending}
	res, err := x.tenant.upstream.Do(sent, x.Kind == origins.WebSocket)
	x.spelling = sent.Spelling
	return res, err
}

// forwardToTenant sends the request to the tenant and its response to the client.
func (x *referenceExchange) forwardToTenant(r *http.Request) {
	if x.Kind != origins.WebSocket {
		r.Header.Del("Upgrade") // httputil would ask the tenant for it
	}
	x.settings.forward.ServeHTTP(&x.response, x.withBody(r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))))
	fields.LimitTrailers(x.response.Header(), x.cors != cors.Kept)
}

// rewriteRequest makes the request that the tenant gets: with the client's path and
// query byte for byte, its Origin even if Connection names that, and our fields about
// the client.
func rewriteRequest(p *httputil.ProxyRequest) {
	x := exchangeOf(p.In.Context())
	p.Out.Host = x.hostForTenant()
	x.targetForTenant().SetURL(p.Out, p.In.URL)
	p.Out.Trailer = nil // trailers would bypass the checks of the header

	header := p.Out.Header
	if origin := p.In.Header["Origin"]; origin != nil {
		header["Origin"] = origin
	}
	x.settings.PrivateCookies.StripHeader(header)
	fields.DropUntrusted(header, x.settings.trusted.Contains(x.in.Peer))
	if x.dropsCredentials() {
		delete(header, "Cookie")
		delete(header, "Authorization")
	}
	if x.dropsState {
		delete(header, "Tracestate")
	}
	var room [5]field
	for _, f := range x.addedFields(room[:]) {
		header[f.Name] = f.Values
	}
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
	p := x.problemOfBody(err)
	if p == nil {
		p = x.problemOfUpstream(r.Context(), err)
	}
	x.noteFailure(err)
	x.send(x.refuse(p))
}
