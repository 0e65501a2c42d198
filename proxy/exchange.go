package proxy

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"originwarden/origins"
	"originwarden/proxy/downstream"
	"originwarden/proxy/http1"
)

// Exchange is one request and its answer, as the observer gets to know it when
// it has ended. Method and Path are the client's bytes.
type Exchange struct {
	Tenant  string // "" where no tenant has the host
	Kind    origins.Kind
	Verdict origins.Verdict
	// Reason is that of the decision, or the code of the problem, in lower
	// case, for which the request was refused before one. It is one of Reasons.
	Reason string
	// Decision is the decision's reason; 0 where there was none.
	Decision origins.Reason
	Mode     Mode
	Method   string
	Path     string // raw, without the query
	// Origin is what came as Origin; "" where none or several lines did.
	Origin string
	Client netip.Addr
	// TraceID is the request's, from its traceparent or new.
	TraceID string
	// Status is what was sent; 0 when the client was gone before.
	Status int
	// Sent is the answer's body in bytes; of a tunnel, what the tenant sent.
	Sent int64
	// Received is the request's body in bytes, as far as it was read; of a
	// tunnel, what the client sent after the handshake.
	Received int64
	Start    time.Time
	// Duration is from the request's header to the end of the answer or tunnel;
	// Answer ends with a tunnel's handshake instead.
	Duration, Answer time.Duration
	// Gateway is the part of Duration before the tenant was asked.
	Gateway time.Duration
	// Upstream is from handing the request to the tenant until its answer's
	// header; 0 when the tenant was not asked.
	Upstream time.Duration
	// UpstreamCause is why the tenant could not answer: one of Causes, or "".
	UpstreamCause string
	// TunnelEnd is why a tunnel ended: one of TunnelEnds, or "" of none.
	TunnelEnd string
	// Nearest is what the list of a tenant with Debug has nearest to an origin
	// that was refused.
	Nearest origins.Miss
	// OwnHost says that an origin was refused, as one that is not listed, which has
	// the host that the request was sent to: perhaps the tenant's own pages at an
	// address that its public origins lack.
	OwnHost bool
	// Limit is the one that the request ran into, of Limits, or "".
	Limit string
	// API says that the API answered.
	API bool
	// Attached is what the API has attached by Attach, or nil.
	Attached any
	// Cut says that the answer ended before its end, or was never sent.
	Cut bool
	// Err is what went wrong inside, for the operator; nil when nothing did.
	Err error
}

// exchange is an Exchange under way.
type exchange struct {
	Exchange
	answer     answer
	gateway    *Gateway
	settings   *settings
	tenant     *tenant
	target     target
	request    origins.Request
	changes    uint64 // of lists and settings, before settings was read
	api        bool
	scheme     string // public
	peer       netip.Addr
	asked      time.Time // when the tenant was
	hasBody    bool
	bodyLength int64 // negative is unknown
	http1      bool
	http10     bool
	body       *downstream.Body // nil: it has none, or it is not read
	entered    bool             // counts among the tenant's requests in flight

	conn      *downstream.Conn // nil: unknown
	forwarded bool             // the answer is the tenant's
	spelling  http1.Spelling

	traceparent [1]string // the line that the tenant gets
	begun       bool      // the trace begins here
}

func (g *Gateway) begin(w http.ResponseWriter, r *http.Request) *exchange {
	target := rawTarget(r)
	changes := g.tunnels.Changes()
	settings := g.settings.Load()
	x := &exchange{
		Exchange:   Exchange{Start: time.Now(), Verdict: origins.Refused, Method: r.Method, Path: target.path, Cut: true},
		gateway:    g,
		settings:   settings,
		changes:    changes,
		target:     target,
		hasBody:    r.ContentLength != 0,
		bodyLength: r.ContentLength,
		http1:      r.ProtoMajor == 1,
		http10:     !r.ProtoAtLeast(1, 1),
		conn:       downstream.ConnOf(r.Context()),
	}
	x.answer = answer{ResponseWriter: w, exchange: x, stamps: &settings.stamps, origin: r.Header["Origin"],
		progress: settings.Timeouts.Progress, control: http.NewResponseController(w)}
	if x.http1 {
		x.answer.unlimit()
	}
	x.peer, x.Client, x.scheme = sender(r, settings.trusted)
	if len(x.answer.origin) == 1 {
		x.Origin = x.answer.origin[0]
	}
	x.trace(r.Header["Traceparent"])
	return x
}

// settle takes in the decision and with it the headers of the answer.
func (x *exchange) settle(reason origins.Reason) {
	x.Reason, x.Decision, x.Verdict = reason.String(), reason, reason.Verdict()
	x.Mode, x.API = x.mode(), x.api
	switch {
	case x.Mode == Report:
		x.answer.dress = untouched
	case reason == origins.Listed || reason == origins.SameOrigin && x.answer.origin[0] != "null":
		x.answer.dress = shared
	}
}

// mode is the tenant's, but the API's own path is always enforced.
func (x *exchange) mode() Mode {
	if x.api {
		return Enforce
	}
	return x.tenant.Mode
}

func (x *exchange) policy() *origins.Policy {
	if x.api {
		return &x.tenant.apiPolicy
	}
	return &x.tenant.Policy
}

// passes reports whether the request goes on, given the mode.
func (x *exchange) passes() bool {
	if x.Verdict == origins.Allowed {
		return true
	}
	return x.Mode == Report || x.Mode == Headers && x.Kind != origins.Preflight
}

// answersPreflight reports whether the gateway answers an allowed preflight.
func (x *exchange) answersPreflight() bool {
	return x.Kind == origins.Preflight && x.Verdict == origins.Allowed && x.Mode != Report
}

// session is what belongs to the client's connection alone, or nil. Over HTTP/2 a
// connection may be that of many clients.
func (x *exchange) session() *http1.Session {
	if !x.http1 {
		return nil
	}
	return x.conn.Session()
}

// context returns the context for whoever answers r. net/http ends that of r when
// a client of HTTP/1 has ended its sending side, which does not say that it does
// not read. It has to be released.
func (x *exchange) context(r *http.Request) (ctx context.Context, release func()) {
	if x.conn == nil || !x.http1 {
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

// leave gives the tenant's place to another request, once.
func (x *exchange) leave() {
	if x.entered {
		x.entered = false
		x.tenant.inFlight.Add(-1)
	}
}

// end reports the exchange. One that a panic cut has not come to its end.
func (x *exchange) end(ctx context.Context) {
	x.answer.limitRest()
	x.nameCut()
	x.abandonBody()
	x.measure()
	x.settings.Observe(ctx, &x.Exchange)
}

// nameCut says which limit ended the exchange, where none has said so yet.
func (x *exchange) nameCut() {
	switch {
	case x.Limit != "":
	case x.answer.stalled, x.body.IsStalled():
		x.Limit = limitProgress
	case (x.Cut || x.UpstreamCause == CauseClient) && x.conn.IsCut():
		x.Limit = limitDrain
	}
}

// measure fills in what the exchange came to so far.
func (x *exchange) measure() {
	x.Status, x.Sent = x.answer.status, x.answer.sent
	if x.Status != http.StatusSwitchingProtocols {
		x.Received = x.body.Received()
	}
	x.Duration = time.Since(x.Start)
	if x.Gateway = x.Duration; !x.asked.IsZero() {
		x.Gateway = x.asked.Sub(x.Start)
	}
	if x.Answer = x.Duration; x.Status == http.StatusSwitchingProtocols {
		x.Answer = x.Gateway + x.Upstream
	}
}
