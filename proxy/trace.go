package proxy

import (
	"math/rand/v2"

	"originwarden/envelope"
	"originwarden/proxy/request"
)

// Trace is where a request belongs in a trace.
type Trace struct {
	// Parent is the value of traceparent that the tenant gets. It is valid.
	Parent string
	// DropsState says that the tenant does not get the request's tracestate.
	DropsState bool
	// Spans becomes Exchange.Spans.
	Spans any
}

// setTrace sets the trace of the request. TraceID is part of its traceparent.
func (x *exchange) setTrace() {
	begin := x.continueTrace
	if x.settings.Trace != nil {
		begin = x.settings.Trace
	}
	trace := begin(&x.in)
	x.TraceID, x.Spans = trace.Parent[3:35], trace.Spans
	x.traceparent[0], x.dropsState = trace.Parent, trace.DropsState
}

// continueTrace returns the trace that r's traceparent names, or begins one. The
// gateway makes no span of its own, so that it forwards a valid line unchanged (W3C
// Trace Context, section 3.3). The tracestate of a request without one is of another
// trace (section 3.3.1.3).
func (x *exchange) continueTrace(r *request.Request) Trace {
	lines := r.Fields.Values("Traceparent")
	if _, ok := envelope.ParseTraceparent(lines); ok {
		return Trace{Parent: lines[0]}
	}
	return Trace{Parent: envelope.NewTraceparent(rand.Float64() < x.settings.Sampled), DropsState: true}
}
