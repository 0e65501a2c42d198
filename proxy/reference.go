package proxy

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"originwarden/envelope"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fields"
	"originwarden/proxy/http1"
	"originwarden/proxy/request"
	"originwarden/proxy/tunnel"
)

// referenceExchange is an exchange in the reference lane, whose client speaks to
// net/http.
type referenceExchange struct {
	exchange
	response  responseWriter
	body      *downstream.Body // nil: it has none, or it is not read
	conn      *downstream.Conn // nil: unknown
	forwarded bool             // the response is the tenant's
	spelling  fields.Spelling
	tunnel    *tunnel.Tunnel // nil: none was opened
}

// ServeHTTP answers r, or forwards it to the tenant of its host. It is the reference
// lane.
//
// The http.Server must set DisableGeneralOptionsHandler: net/http would answer
// OPTIONS * itself.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.running.Add(1)
	x := &referenceExchange{conn: downstream.ConnOf(r.Context())}
	defer func() {
		if x.tunnel == nil { // see relayTunnel
			g.running.Add(-1)
		}
	}()
	if r.TLS == nil {
		r.TLS = x.conn.TLS()
	}
	x.in = request.Of(r)
	x.begin(g)
	x.response = responseWriter{ResponseWriter: w, exchange: x, control: http.NewResponseController(w)}
	x.response.limit = downstream.NewWriteLimit(x.response.control, x.conn, x.in.HTTP1, x.settings.Timeouts.Progress)
	if x.in.HTTP1 {
		x.response.limit.End(nil) // see limitRemainder
	} else {
		x.conn.LimitWrites(x.settings.Timeouts.Progress)
	}
	defer x.end()
	if own := x.judge(r.Context()); own != nil {
		x.send(own)
	} else {
		x.limitBody(r)
		x.forwardRequest(r)
	}
	x.Cut = false // not reached if a handler panics
}

// send sends a response of the gateway itself.
func (x *referenceExchange) send(own *ownResponse) {
	header := x.response.Header()
	clear(header)
	for _, f := range own.fields {
		header[f.Name] = f.Values
	}
	if own.body != nil {
		header["Content-Length"] = []string{strconv.Itoa(len(own.body))}
	}
	x.response.WriteHeader(own.status)
	if own.body != nil {
		x.response.Write(own.body)
	}
}

// forwardRequest passes an allowed request to the API or to the tenant.
func (x *referenceExchange) forwardRequest(r *http.Request) {
	ctx, release := x.responseContext(r)
	defer release()
	r = r.WithContext(ctx)
	if x.API {
		x.tenant.API.ServeHTTP(&x.response, x.apiRequest(r))
		return
	}
	if p := x.enterTenant(); p != nil {
		x.send(x.refuse(p))
		return
	}
	defer x.tenant.upstream.Release()
	defer x.leaveTenant()
	x.forwardToTenant(r)
}

// end reports the exchange, which was cut if the handler panicked. A tunnel goes on.
func (x *referenceExchange) end() {
	if x.tunnel != nil {
		x.relayTunnel()
		return
	}
	x.response.limitRemainder()
	x.setLimitOfCut(x.response.limit.IsStalled() || x.body.IsStalled(), x.conn.IsAborted())
	x.abandonBody()
	x.measure()
	x.observe()
}

// upstreamSession returns the upstream connections that only this client may use, or
// nil: over HTTP/2, many clients may share a connection, and where the tenant gets no
// credentials, the user of such a connection is none of its business.
func (x *referenceExchange) upstreamSession() *http1.Session {
	if !x.in.HTTP1 || x.dropsCredentials() {
		return nil
	}
	return x.conn.Session()
}

// responseContext returns the context for the rest of r. net/http cancels r's
// context when an HTTP/1 client closes its sending side, although the client may
// still read. Call release at the end.
func (x *referenceExchange) responseContext(r *http.Request) (ctx context.Context, release func()) {
	if x.conn == nil || !x.in.HTTP1 {
		return r.Context(), func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	stop := context.AfterFunc(r.Context(), func() {
		x.conn.AwaitGone(ctx)
		cancel()
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// measure sets the sizes and durations so far.
func (x *referenceExchange) measure() {
	x.exchange.measure()
	if x.Status != http.StatusSwitchingProtocols {
		x.Received = x.body.Received()
	}
}

// apiRequest returns r for the API, with the client's address, the public scheme
// and host, and the trace id.
func (x *referenceExchange) apiRequest(r *http.Request) *http.Request {
	ctx := envelope.WithTraceID(r.Context(), x.TraceID)
	out := r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	u := *r.URL
	u.Scheme, u.Host = x.scheme, x.publicHost()
	out.URL, out.RemoteAddr = &u, x.Client.String()
	return x.withBody(out)
}

// publicHost returns the host that the client used. A trusted proxy may set it with
// X-Forwarded-Host, to another one of the tenant's Hosts.
func (x *referenceExchange) publicHost() string {
	host := x.in.ForwardedHost()
	if host == "" || !x.settings.trusted.Contains(x.in.Peer) || x.settings.hosts.Named(request.HostName(host)) != x.tenant {
		return x.in.Host
	}
	if _, err := url.Parse("//" + host); err != nil {
		return x.in.Host
	}
	return host
}

type exchangeKey struct{}

// exchangeOf returns the exchange of a request to the tenant or its API.
func exchangeOf(ctx context.Context) *referenceExchange {
	return ctx.Value(exchangeKey{}).(*referenceExchange)
}

// Attach sets Exchange.Attached to v. Tenant.API calls it with the context of its
// request, before it returns.
func Attach(ctx context.Context, v any) {
	if x, ok := ctx.Value(exchangeKey{}).(*referenceExchange); ok {
		x.Attached = v
	}
}
