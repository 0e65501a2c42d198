package proxy

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"time"

	"originwarden/envelope"
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
	// before it, in lower case, or "options_asterisk".
	Reason string
	// Decision is the reason of the decision; "" if there was none.
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
	// GatewayTime is the part of Duration before the request was sent to the tenant.
	GatewayTime time.Duration
	// UpstreamTime is from sending the request to the tenant until its response's
	// header; 0 if it was not sent.
	UpstreamTime time.Duration
	// UpstreamCause is why the tenant did not answer, or "".
	UpstreamCause string
	// TunnelEnd is why a tunnel ended: one of TunnelEnds, or "" of none.
	TunnelEnd string
	// Nearest is the entry nearest to a refused origin, of a tenant with Debug.
	Nearest origins.NearMiss
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
	changes    uint64 // tunnel.Set.Changes, read before settings
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
	x.response = responseWriter{ResponseWriter: w, exchange: x, originLines: r.Header["Origin"],
		progress: settings.Timeouts.Progress, control: http.NewResponseController(w)}
	if x.http1 {
		x.response.unlimitWrite()
	}
	x.peer, x.Client, x.scheme = clientOf(r, settings.trusted)
	if len(x.response.originLines) == 1 {
		x.Origin = x.response.originLines[0]
	}
	x.setTrace(r.Header["Traceparent"])
	return x
}

// applyDecision records the decision and chooses the CORS headers.
func (x *exchange) applyDecision(reason origins.Reason) {
	x.Reason, x.Decision, x.Verdict = string(reason), reason, reason.Verdict()
	x.Mode = x.mode()
	switch {
	case x.Mode == Report:
		x.response.cors = corsKept
	// A form of the tenant's own page may send null, and is no CORS request.
	case reason == origins.Listed || reason == origins.SameOrigin && x.response.originLines[0] != "null":
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

// mayForward reports whether the mode lets the request pass.
func (x *exchange) mayForward() bool {
	if x.Verdict == origins.Allowed {
		return true
	}
	return x.Mode == Report || x.Mode == Headers && x.Kind != origins.Preflight
}

// answersPreflight reports whether the gateway answers an allowed preflight.
func (x *exchange) answersPreflight() bool {
	return x.Kind == origins.Preflight && x.Verdict == origins.Allowed && x.Mode != Report
}

// upstreamSession returns the upstream connections that only this client may use,
// or nil: over HTTP/2, many clients may share a connection.
func (x *exchange) upstreamSession() *http1.Session {
	if !x.http1 {
		return nil
	}
	return x.conn.Session()
}

// responseContext returns the context for the rest of r. net/http cancels r's
// context when an HTTP/1 client closes its sending side, although the client may
// still read. Call release at the end.
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

// enterTenant counts the request as in flight, or returns false if the tenant has
// too many.
func (x *exchange) enterTenant() bool {
	n, limit := x.tenant.inFlight.Add(1), x.settings.InFlightPerTenant
	if limit > 0 && n > int64(limit) {
		x.tenant.inFlight.Add(-1)
		return false
	}
	x.counted = true
	return true
}

// leaveTenant stops counting the request as in flight.
func (x *exchange) leaveTenant() {
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
	if x.settings.OnEnd != nil {
		x.settings.OnEnd(ctx, &x.Exchange)
	}
}

// setLimitOfCut sets the limit that ended the exchange, unless it is known.
func (x *exchange) setLimitOfCut() {
	switch {
	case x.Limit != "":
	case x.response.stalled, x.body.IsStalled():
		x.Limit = limitProgress
	case (x.Cut || x.UpstreamCause == CauseClient) && x.conn.IsAborted():
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
	if x.GatewayTime = x.Duration; !x.sentAt.IsZero() {
		x.GatewayTime = x.sentAt.Sub(x.Start)
	}
	if x.ResponseTime = x.Duration; x.Status == http.StatusSwitchingProtocols {
		x.ResponseTime = x.GatewayTime + x.UpstreamTime
	}
}

// setTrace sets the trace from the values of the request's traceparent lines, or
// begins one. The gateway makes no span of its own, so that it forwards a valid
// line unchanged (W3C Trace Context, section 3.3).
func (x *exchange) setTrace(lines []string) {
	if id, ok := envelope.ParseTraceparent(lines); ok {
		x.TraceID, x.traceparent[0] = id, lines[0]
		return
	}
	x.traceBegun = true
	x.traceparent[0] = envelope.NewTraceparent(rand.Float64() < x.settings.Sampled)
	x.TraceID = x.traceparent[0][3:35]
}

// continueTrace sends the trace to the tenant, even if Connection names the field.
// The tracestate of another trace does not apply (section 3.3.1.3).
func (x *exchange) continueTrace(header http.Header) {
	header["Traceparent"] = x.traceparent[:]
	if x.traceBegun {
		delete(header, "Tracestate")
	}
}
