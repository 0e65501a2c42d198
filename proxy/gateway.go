package proxy

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/proxy/tunnel"
)

// Gateway is an http.Handler for all tenants. It may be used concurrently.
type Gateway struct {
	lists   Lists
	tunnels *tunnel.Set

	settings      atomic.Pointer[settings]
	reconfiguring sync.Mutex
	closing       atomic.Bool // see CloseConnections
}

// New returns a gateway with the configuration cfg. The error lists all mistakes in
// its tenants.
func New(cfg Config) (*Gateway, error) {
	s, err := compile(cfg, new(settings))
	if err != nil {
		return nil, err
	}
	g := &Gateway{lists: cfg.Lists}
	g.tunnels = tunnel.NewSet(tunnel.Config{List: cfg.Lists.List, IsRefused: g.isTunnelRefused})
	g.settings.Store(s)
	return g, nil
}

// Close closes the connections to tenants that no request uses.
func (g *Gateway) Close() {
	for _, u := range g.settings.Load().upstreams {
		u.CloseIdle()
	}
}

// CloseConnections has every HTTP/1.1 connection closed after its next response.
func (g *Gateway) CloseConnections() { g.closing.Store(true) }

// ServeHTTP answers r, or forwards it to the tenant of its host.
//
// The http.Server must set DisableGeneralOptionsHandler: net/http would answer
// OPTIONS * itself.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := g.beginExchange(w, r)
	defer x.endExchange(r.Context())
	g.answerRequest(x, r)
	x.Cut = false // not reached if a handler panics
}

func (g *Gateway) answerRequest(x *exchange, r *http.Request) {
	if x.target.path == "*" && r.Method == http.MethodOptions {
		// It concerns the server as a whole (RFC 9110, section 9.3.7), which has no
		// list.
		x.Reason, x.Verdict = reasonOptionsAsterisk, origins.Allowed
		x.response.WriteHeader(http.StatusNoContent)
		return
	}
	if problem := x.admit(r); problem != nil {
		x.refuse(problem)
		return
	}
	x.applyDecision(g.decide(x, r))
	switch {
	case x.answersPreflight():
		x.answerPreflight(r)
		return
	case !x.mayForward():
		x.refuse(x.refusal())
		return
	}
	if problem := x.limitBody(r); problem != nil {
		x.refuse(problem)
		return
	}
	g.forwardRequest(x, r)
}

// forwardRequest passes an allowed request to the API or to the tenant.
func (g *Gateway) forwardRequest(x *exchange, r *http.Request) {
	ctx, release := x.responseContext(r)
	defer release()
	r = r.WithContext(ctx)
	switch {
	case x.API:
		x.tenant.API.ServeHTTP(&x.response, x.apiRequest(r))
	case x.tenant.hasReceived(r):
		x.UpstreamCause, x.Err = CauseLoop, errLoop
		x.refuse(loopDetected)
	case !x.enterTenant():
		x.refuse(overloaded)
	default:
		defer x.tenant.upstream.Release()
		defer x.leaveTenant()
		x.forwardToTenant(r)
	}
}

// reasonOptionsAsterisk is the reason of OPTIONS *, which is answered without a tenant.
const reasonOptionsAsterisk = "options_asterisk"

// admit finds the tenant and the kind of request, or returns why r is not a request
// for a tenant.
func (x *exchange) admit(r *http.Request) *problem {
	if p := checkMethod(r.Method); p != nil {
		return p
	}
	if limit := x.settings.URLBytes; limit > 0 && len(r.RequestURI) > limit {
		return urlTooLong
	}
	if namesSeveralHosts(r) {
		return badHost
	}
	if x.tenant = x.settings.hosts.find(r.Host); x.tenant == nil {
		return x.settings.hosts.unknownHost()
	}
	x.Tenant = x.tenant.ID
	kind, p := requestKind(r)
	x.Kind = kind
	if p == nil {
		p = x.target.check(r)
	}
	x.API = p == nil && x.tenant.isAPIPath(x.target.path)
	return p
}

// decide loads the list only if the decision needs it.
func (g *Gateway) decide(x *exchange, r *http.Request) origins.Reason {
	policy := x.policy()
	x.request = decisionRequest(x, r)
	if reason, decided := policy.Screen(&x.request); decided {
		return reason
	}
	list, err := g.lists.List(r.Context(), x.tenant.ID)
	if err != nil && r.Context().Err() != nil { // see responseContext
		list, err = g.lists.List(context.WithoutCancel(r.Context()), x.tenant.ID)
	}
	x.Err = err
	reason := policy.DecideByList(&x.request, list)
	x.OwnHost = isRefusedOwnHost(reason, x.Origin, r.Host)
	if x.tenant.Debug && (reason == origins.OriginNotListed || reason == origins.OriginNotInWebIntegration) {
		x.Nearest = list.Nearest(x.request.Origin[0])
	}
	return reason
}

// apiRequest returns r for the API, with the client's address, the public scheme
// and host, and the trace id.
func (x *exchange) apiRequest(r *http.Request) *http.Request {
	ctx := envelope.WithTraceID(r.Context(), x.TraceID)
	out := r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	u := *r.URL
	u.Scheme, u.Host = x.scheme, x.publicHost(r)
	out.URL, out.RemoteAddr = &u, x.Client.String()
	return x.withBody(out)
}

// publicHost returns the host that the client used. A trusted proxy may set it with
// X-Forwarded-Host, to another one of the tenant's Hosts.
func (x *exchange) publicHost(r *http.Request) string {
	host := rightmost(r.Header["X-Forwarded-Host"])
	if host == "" || !x.settings.trusted.Contains(x.peer) || x.settings.hosts.byName[HostName(host)] != x.tenant {
		return r.Host
	}
	if _, err := url.Parse("//" + host); err != nil {
		return r.Host
	}
	return host
}

type exchangeKey struct{}

// exchangeOf returns the exchange of a request to the tenant or its API.
func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// Attach sets Exchange.Attached to v. Tenant.API calls it with the context of its
// request, before it returns.
func Attach(ctx context.Context, v any) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		x.Attached = v
	}
}
