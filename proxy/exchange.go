package proxy

import (
	"context"
	"errors"
	"net/http"
	"time"

	"originwarden/origins"
	"originwarden/proxy/cors"
	"originwarden/proxy/fields"
	"originwarden/proxy/observed"
	"originwarden/proxy/problem"
	"originwarden/proxy/request"
	"originwarden/proxy/upstream"
)

// Exchange is one request and its response, as the observer gets it when it has
// ended.
type Exchange = observed.Exchange

// exchange is an Exchange under way, in either lane. The lanes differ in how they
// read and write; what is decided, and what is sent, is determined here.
type exchange struct {
	Exchange
	in       request.Request
	gateway  *Gateway
	settings *settings
	tenant   *tenant
	decided  origins.Request
	changes  uint64    // tunnel.Set.Changes, read before settings
	scheme   string    // public
	sentAt   time.Time // to the tenant
	counted  bool      // it counts as in flight
	cors     cors.Answer
	origin   []string // the request's Origin lines
	status   int      // of the final response; 0 until it was sent
	sent     int64    // bytes of its body
	own      ownResponse

	traceparent [1]string // the line that the tenant gets
	forwarded   [3]string // the values of X-Forwarded-For, -Host and -Proto that it gets
	dropsState  bool      // the tenant does not get the tracestate
}

// begin starts the exchange of the request in x, which has nothing else.
func (x *exchange) begin(g *Gateway) {
	x.read(g)
	x.setTrace()
}

// read is begin without a trace.
func (x *exchange) read(g *Gateway) {
	x.Start, x.Verdict, x.Cut = time.Now(), origins.Refused, true
	x.gateway, x.changes = g, g.tunnels.Changes()
	settings := g.settings.Load()
	x.settings = settings
	x.Method, x.Path, x.origin = x.in.Method, x.in.Target().Path, x.in.Fields.Values("Origin")
	x.Client, x.scheme = x.in.Sender(settings.trusted)
	if len(x.origin) == 1 {
		x.Origin = x.origin[0]
	}
}

// applyDecision records the decision and chooses the CORS headers.
func (x *exchange) applyDecision(reason origins.Reason) {
	x.Reason, x.Decision, x.Verdict = string(reason), reason, reason.Verdict()
	x.Mode = x.mode()
	if x.Verdict == origins.Refused {
		x.Agent = request.AgentOf(x.in.Fields)
	}
	switch {
	case x.Mode == Report:
		x.cors = cors.Kept
	// A form of the tenant's own page may send null, and is no CORS request.
	case reason == origins.Listed || reason == origins.SameOrigin && x.origin[0] != "null":
		x.cors = cors.Shared
	case reason == origins.PathPublic:
		x.cors = cors.Public
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

// CauseLoop is the cause of a request that was not sent to the tenant, because it
// has come back from there.
const CauseLoop = "loop"

var errLoop = errors.New("the request has come back to the gateway: the upstream leads to the gateway itself")

// enterTenant counts the request as in flight at the tenant, or returns why it is
// not sent.
func (x *exchange) enterTenant() *problem.Problem {
	if x.tenant.Upstream == nil {
		return problem.NotForwarded
	}
	if x.tenant.mark.IsIn(x.in.Fields.Values(fields.Loop)) {
		x.UpstreamCause, x.Err = CauseLoop, errLoop
		return problem.LoopDetected
	}
	n, limit := x.tenant.inFlight.Add(1), x.settings.InFlightPerTenant
	if limit > 0 && n > int64(limit) {
		x.tenant.inFlight.Add(-1)
		return problem.Overloaded
	}
	x.counted = true
	return nil
}

// leaveTenant stops counting the request as in flight.
func (x *exchange) leaveTenant() {
	if x.counted {
		x.counted = false
		x.tenant.inFlight.Add(-1)
	}
}

// noteFailure records why there is no response of the tenant.
func (x *exchange) noteFailure(err error) {
	x.Err = err
	if x.UpstreamTime == 0 && !x.sentAt.IsZero() {
		x.UpstreamTime = time.Since(x.sentAt)
	}
}

// problemOfUpstream returns the problem that is the tenant's, or the connection's to
// it, and records its cause.
func (x *exchange) problemOfUpstream(ctx context.Context, err error) *problem.Problem {
	if x.UpstreamCause = upstream.CauseOf(ctx, err); x.UpstreamCause == upstream.CauseTimeout {
		return problem.UpstreamTimeout
	}
	return problem.UpstreamUnreachable
}

// measure sets the status, the bytes sent, and the durations so far.
func (x *exchange) measure() {
	x.Status, x.Sent = x.status, x.sent
	x.Duration = time.Since(x.Start)
	if x.GatewayTime = x.Duration; !x.sentAt.IsZero() {
		x.GatewayTime = x.sentAt.Sub(x.Start)
	}
	if x.ResponseTime = x.Duration; x.Status == http.StatusSwitchingProtocols {
		x.ResponseTime = x.GatewayTime + x.UpstreamTime
	}
}

// setLimitOfCut sets the limit that ended the exchange, unless it is known: stalled says
// that the client made no progress, aborted that the server aborts its requests.
func (x *exchange) setLimitOfCut(stalled, aborted bool) {
	switch {
	case x.Limit != "":
	case stalled:
		x.Limit = problem.LimitProgress
	case aborted && (x.Cut || x.UpstreamCause == CauseClient):
		x.Limit = problem.LimitDrain
	}
}

// observe reports the exchange, which has ended.
func (x *exchange) observe() {
	if x.settings.OnEnd != nil {
		x.settings.OnEnd(&x.Exchange)
	}
}
