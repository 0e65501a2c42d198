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

// Exchange is one request and its response, as the observer gets it when it has
// ended. Method and Path are the client's bytes.
type Exchange struct {
	Tenant  string // "" where no tenant has the host
	Kind    origins.Kind
	Verdict origins.Verdict
	// Reason is the reason of the decision, or the code of the problem that came
	// before it, in lower case. It is one of Reasons.
	Reason string
	// Decision is the decision's reason; 0 where there was none.
	Decision origins.Reason
	Mode     Mode
	Method   string
	Path     string // raw, without the query
	// Origin is the value of Origin; "" if there was no line, or several.
	Origin string
	Client netip.Addr
	// TraceID is the request's, from its traceparent or new.
	TraceID string
	// Status is what was sent; 0 if the client was gone before.
	Status int
	// Sent is the response's body in bytes; of a tunnel, what the tenant sent.
	Sent int64
	// Received is the request's body in bytes, as far as it was read; of a
	// tunnel, what the client sent after the handshake.
	Received int64
	Start    time.Time
	// Duration ends with the response or the tunnel, ResponseTime with the response or
	// the tunnel's handshake. Both begin with the request's header.
	Duration, ResponseTime time.Duration
	// Gateway is the part of Duration before the request was sent to the tenant.
	Gateway time.Duration
	// Upstream is from sending the request to the tenant until its response's
	// header; 0 if it was not sent.
	Upstream time.Duration
	// UpstreamCause is why the tenant did not answer, or "".
	UpstreamCause string
	// TunnelEnd is why a tunnel ended: one of TunnelEnds, or "" of none.
	TunnelEnd string
	// Nearest is the entry nearest to a refused origin, of a tenant with Debug.
	Nearest origins.Miss
	// OwnHost reports whether a refused origin has the host that the request was
	// sent to. It may be one of the tenant's own pages, missing from its public
	// origins.
	OwnHost bool
	// Limit is the limit that the request exceeded: one of Limits, or "".
	Limit string
	// API reports whether the path belongs to the API, if there was a decision.
	API bool
	// Attached is what the API has attached by Attach, or nil.
	Attached any
	// Cut says that the response was not sent to its end.
	Cut bool
	// Err is an internal error, for the operator, or nil.
	Err error
}

// exchange is an Exchange under way.
type exchange struct {
	Exchange
	response   responseWriter
	gateway    *Gateway
	settings   *settings
	tenant     *tenant
	target     target
	request    origins.Request
	changes    uint64 // of lists and settings, before settings was read
	scheme     string // public
	peer       netip.Addr
	sentAt     time.Time // to the tenant
	bodyLength int64     // of the request; negative is unknown
	http1      bool
	http10     bool
	body       *downstream.Body // nil: it has none, or it is not read
	counted    bool             // it counts as in flight

	conn      *downstream.Conn // nil: unknown
	forwarded bool             // the response is the tenant's
	spelling  http1.Spelling

	traceparent [1]string // the line that the tenant gets
	traceBegun  bool      // the request had none
}

func (g *Gateway) beginExchange(w http.ResponseWriter, r *http.Request) *exchange {
	target := rawTarget(r)
	changes := g.tunnels.Changes()
	settings := g.settings.Load()
	x := &exchange{
		Exchange:   Exchange{Start: time.Now(), Verdict: origins.Refused, Method: r.Method, Path: target.path, Cut: true},
		gateway:    g,
		settings:   settings,
		changes:    changes,
		target:     target,
		bodyLength: r.ContentLength,
		http1:      r.ProtoMajor == 1,
		http10:     !r.ProtoAtLeast(1, 1),
		conn:       downstream.ConnOf(r.Context()),
	}
	x.response = responseWriter{ResponseWriter: w, exchange: x, origin: r.Header["Origin"],
		progress: settings.Timeouts.Progress, control: http.NewResponseController(w)}
	if x.http1 {
		x.response.stopWriteTimer()
	}
	x.peer, x.Client, x.scheme = sender(r, settings.trusted)
	if len(x.response.origin) == 1 {
		x.Origin = x.response.origin[0]
	}
	x.setTrace(r.Header["Traceparent"])
	return x
}

// applyDecision sets what follows from the decision.
func (x *exchange) applyDecision(reason origins.Reason) {
	x.Reason, x.Decision, x.Verdict = string(reason), reason, reason.Verdict()
	x.Mode = x.mode()
	switch {
	case x.Mode == Report:
		x.response.cors = corsKept
	case reason == origins.Listed || reason == origins.SameOrigin && x.response.origin[0] != "null":
		x.response.cors = corsShared
	}
}

// mode returns the tenant's mode, but always Enforce for the API.
func (x *exchange) mode() Mode {
	if x.API {
		return Enforce
	}
	return x.tenant.Mode
}

func (x *exchange) policy() *origins.Policy {
	if x.API {
		return &x.tenant.apiPolicy
	}
	return &x.tenant.Policy
}

// passes reports whether the request is forwarded, given the mode.
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

// session returns what belongs to the client's connection alone, or nil. Over
// HTTP/2 many clients may share a connection.
func (x *exchange) session() *http1.Session {
	if !x.http1 {
		return nil
	}
	return x.conn.Session()
}

// responseContext returns the context in which r is answered. net/http ends that of r
// when a client of HTTP/1 has ended its sending side, although it may still read.
// It has to be released.
func (x *exchange) responseContext(r *http.Request) (ctx context.Context, release func()) {
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

// endRequest no longer counts the request as in flight.
func (x *exchange) endRequest() {
	if x.counted {
		x.counted = false
		x.tenant.inFlight.Add(-1)
	}
}

// endExchange reports the exchange, which was cut if the handler panicked.
func (x *exchange) endExchange(ctx context.Context) {
	x.response.limitRemainder()
	x.setLimitOfCut()
	x.abandonBody()
	x.measureExchange()
	if x.settings.Observe != nil {
		x.settings.Observe(ctx, &x.Exchange)
	}
}

// setLimitOfCut sets the limit that ended the exchange, unless it is known.
func (x *exchange) setLimitOfCut() {
	switch {
	case x.Limit != "":
	case x.response.stalled, x.body.IsStalled():
		x.Limit = limitProgress
	case (x.Cut || x.UpstreamCause == CauseClient) && x.conn.IsCut():
		x.Limit = limitDrain
	}
}

// measureExchange sets the sizes and durations so far.
func (x *exchange) measureExchange() {
	x.Status, x.Sent = x.response.status, x.response.sent
	if x.Status != http.StatusSwitchingProtocols {
		x.Received = x.body.Received()
	}
	x.Duration = time.Since(x.Start)
	if x.Gateway = x.Duration; !x.sentAt.IsZero() {
		x.Gateway = x.sentAt.Sub(x.Start)
	}
	if x.ResponseTime = x.Duration; x.Status == http.StatusSwitchingProtocols {
		x.ResponseTime = x.Gateway + x.Upstream
	}
}
