package proxy

import (
	"math/rand/v2"
	"net/http"

	"originwarden/envelope"
)

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
