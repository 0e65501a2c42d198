package proxy

import (
	"context"
	"log"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"time"

	"originwarden/envelope"
	"originwarden/origins"
)

// Lists returns the list of a tenant that is configured, within a time limit of
// its own. ListChanged has to be called whenever one has changed.
type Lists interface {
	List(ctx context.Context, tenant string) (*origins.List, error)
}

// Config is what a Gateway is made of. It is not changed after New.
type Config struct {
	Tenants []Tenant
	// Lists has the list of every tenant.
	Lists Lists
	CORS  CORS
	// OnLoopback says that the gateway listens on a loopback address alone, which
	// pages reach by DNS rebinding.
	OnLoopback bool
	// TrustedProxies are the peers whose X-Forwarded-For and -Proto count.
	TrustedProxies []netip.Prefix
	// URLBytes is the longest request target that is answered; 0 is no limit.
	URLBytes int
	// BodyBytes is the largest body of a request; 0 is no limit.
	BodyBytes int64
	// InFlightPerTenant is how many requests a tenant answers at once, tunnels
	// not counted; 0 is no limit.
	InFlightPerTenant int
	Timeouts          Timeouts
	// Observe is called once for every exchange, when it has ended; nil is
	// nobody. It must not keep the Exchange. The context is the request's.
	Observe func(context.Context, *Exchange)
	// Opened is called for a tunnel when the client has the answer to its
	// handshake; nil is nobody. It must not keep the Exchange.
	Opened func(context.Context, *Exchange)
	// Relayed is called for bytes that a tunnel has passed on, with how many
	// came from the client and from the tenant; nil is nobody. It must not block.
	Relayed func(tenant string, received, sent int)
	// Sampled is the share of traces that begin here whose traceparent says that
	// they are sampled, from 0 to 1.
	Sampled float64
	// ErrorLog gets what httputil has to say about broken connections; nil
	// discards it.
	ErrorLog *log.Logger
}

// CORS is what allowed answers tell browsers.
type CORS struct {
	Credentials   bool
	Methods       []string      // answered to a preflight
	ExposeHeaders []string      // what scripts may read of an answer
	MaxAge        time.Duration // how long a browser may keep a preflight's answer
}

// Timeouts of an exchange; 0 is none.
type Timeouts struct {
	// Progress is how long one read of a request's body, and one write of an
	// answer, may take.
	Progress time.Duration

	Connect  time.Duration // to be connected
	Response time.Duration // from the request's last byte to the answer's header
	Idle     time.Duration // a connection kept for the next request

	WebSocketIdle     time.Duration // a tunnel through which nothing passes
	WebSocketLifetime time.Duration // a tunnel, from its handshake on
}

// Gateway is an http.Handler for all tenants. It may be used concurrently.
type Gateway struct {
	hosts   hosts
	lists   Lists
	stamps  stamps
	trusted trustedProxies
	forward *httputil.ReverseProxy
	tunnels *tunnels
	observe func(context.Context, *Exchange)
	opened  func(context.Context, *Exchange)
	relayed func(tenant string, received, sent int)
	sampled float64

	urlMax      int
	bodyMax     int64
	inFlightMax int64
	progress    time.Duration

	tunnelIdle, tunnelLifetime time.Duration // 0: none
}

// New returns the gateway of cfg, or every mistake in its tenants at once.
func New(cfg Config) (*Gateway, error) {
	g, err := build(cfg, newTransports(cfg.Timeouts))
	if err != nil {
		return nil, err
	}
	g.tunnels = newTunnels(g.hosts.byID)
	return g, nil
}

// build returns a gateway that has no tunnels yet.
func build(cfg Config, transports *transports) (*Gateway, error) {
	hosts, err := newHosts(cfg, transports)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		hosts:   hosts,
		lists:   cfg.Lists,
		stamps:  newStamps(cfg.CORS),
		trusted: trustedProxies(cfg.TrustedProxies),
		forward: newForwarder(cfg.ErrorLog),
		observe: cfg.Observe,
		opened:  cfg.Opened,
		relayed: cfg.Relayed,
		sampled: cfg.Sampled,

		urlMax:      cfg.URLBytes,
		bodyMax:     cfg.BodyBytes,
		inFlightMax: int64(cfg.InFlightPerTenant),
		progress:    cfg.Timeouts.Progress,

		tunnelIdle:     cfg.Timeouts.WebSocketIdle,
		tunnelLifetime: cfg.Timeouts.WebSocketLifetime,
	}
	g.fillHooks()
	return g, nil
}

func (g *Gateway) fillHooks() {
	if g.observe == nil {
		g.observe = func(context.Context, *Exchange) {}
	}
	if g.opened == nil {
		g.opened = func(context.Context, *Exchange) {}
	}
	if g.relayed == nil {
		g.relayed = func(string, int, int) {}
	}
}

// Close ends the connections to tenants that no request uses.
func (g *Gateway) Close() {
	for t := range g.hosts.inUse() {
		t.closeIdle()
	}
}

// ServeHTTP answers r, or hands it to the tenant of its host.
//
// The server it runs under sets DisableGeneralOptionsHandler, so that no
// request is answered without having come through here.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := g.begin(w, r)
	defer x.end(r.Context())
	g.answer(x, r)
	x.Cut = false
}

func (g *Gateway) answer(x *exchange, r *http.Request) {
	if x.target.path == "*" && r.Method == http.MethodOptions {
		// Of the server as a whole (RFC 9110, section 9.3.7), which has no list.
		x.Reason, x.Verdict = reasonServer, origins.Allowed
		x.answer.WriteHeader(http.StatusNoContent)
		return
	}
	if problem := g.admit(x, r); problem != nil {
		x.refuse(problem)
		return
	}
	x.settle(g.decide(x, r))
	switch {
	case x.answersPreflight():
		x.preflight(r)
		return
	case !x.passes():
		x.refuse(x.refusal())
		return
	}
	if problem := g.limitBody(x, r); problem != nil {
		x.refuse(problem)
		return
	}
	g.handOn(x, r)
}

// handOn gives a request that passes to whoever answers it.
func (g *Gateway) handOn(x *exchange, r *http.Request) {
	ctx, release := x.context(r)
	defer release()
	r = r.WithContext(ctx)
	switch {
	case x.api:
		x.tenant.API.ServeHTTP(&x.answer, g.settled(x, r))
	case x.tenant.hasSent(r):
		x.refuseLoop()
	case !x.tenant.enter(g.inFlightMax):
		x.refuse(overloaded)
	default:
		x.entered = true
		x.transport = x.tenant.transport.Load()
		defer x.transport.used()
		defer x.leave()
		g.toTenant(x, r)
	}
}

// reasonServer is the reason of OPTIONS *, which is answered without a tenant.
const reasonServer = "options_asterisk"

// admit finds the tenant and the kind of request, or says why r is no request
// for a tenant at all.
func (g *Gateway) admit(x *exchange, r *http.Request) *problem {
	if p := forbiddenMethod(r.Method); p != nil {
		return p
	}
	if g.urlMax > 0 && len(r.RequestURI) > g.urlMax {
		return urlTooLong
	}
	if hasOtherHost(r) {
		return badHost
	}
	if x.tenant = g.hosts.find(r.Host); x.tenant == nil {
		return g.hosts.unknown()
	}
	x.Tenant = x.tenant.ID
	x.api = x.tenant.owns(x.target.path)
	kind, p := classify(r)
	x.Kind = kind
	if p != nil {
		return p
	}
	return x.target.problem(r)
}

// decide asks for the list only where the decision needs it.
func (g *Gateway) decide(x *exchange, r *http.Request) origins.Reason {
	policy := x.policy()
	x.request = question(x, r)
	x.changes = g.tunnels.changes.Load()
	if reason, decided := policy.Screen(&x.request); decided {
		return reason
	}
	list, err := g.lists.List(r.Context(), x.tenant.ID)
	if err != nil && r.Context().Err() != nil { // whoever sends no more may still read
		list, err = g.lists.List(context.WithoutCancel(r.Context()), x.tenant.ID)
	}
	if err != nil {
		x.Err = err
	}
	reason := policy.DecideByList(&x.request, list)
	x.OwnHost = isOwnHost(reason, x.Origin, r.Host)
	if x.tenant.Debug && (reason == origins.OriginNotListed || reason == origins.OriginNotInWebIntegration) {
		x.Nearest = list.Nearest(x.request.Origin[0])
	}
	return reason
}

// settled is r as the API's handler gets it: with the client's address, the
// public scheme and host, and the trace id.
func (g *Gateway) settled(x *exchange, r *http.Request) *http.Request {
	ctx := envelope.WithTraceID(r.Context(), x.TraceID)
	out := r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	u := *r.URL
	u.Scheme, u.Host = x.scheme, g.publicHost(x, r)
	out.URL, out.RemoteAddr = &u, x.Client.String()
	return x.withBody(out)
}

// publicHost is the host that the client used. X-Forwarded-Host selects nothing;
// a trusted proxy may say by it which of the tenant's hosts that was.
func (g *Gateway) publicHost(x *exchange, r *http.Request) string {
	said := rightmost(r.Header["X-Forwarded-Host"])
	if said == "" || !g.trusted.trust(x.peer) || g.hosts.byName[canonicalHost(said)] != x.tenant {
		return r.Host
	}
	if _, err := url.Parse("//" + said); err != nil {
		return r.Host
	}
	return said
}

type exchangeKey struct{}

// exchangeOf returns the exchange of a request on its way to the tenant or its API.
func exchangeOf(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}
