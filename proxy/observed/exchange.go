// Package observed has what is reported of a request that was answered.
package observed

import (
	"net/netip"
	"time"

	"originwarden/origins"
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
	// Pattern is the entry that the origin matches, if that is a pattern; of an origin
	// that is not listed, one that the tenant's Policy.Patterns does not permit.
	Pattern string
	Client  netip.Addr
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
	// TunnelEnd is why a tunnel ended: one of proxy.TunnelEnds, or "" of none.
	TunnelEnd string
	// Nearest is the entry nearest to a refused origin, of a tenant with Debug.
	Nearest origins.NearMiss
	// OwnHost reports whether a refused origin has the host that the request was
	// sent to. It may be one of the tenant's own pages, missing from its public
	// origins.
	OwnHost bool
	// Agent is the family of the user agent, as request.AgentOf returns it, if Verdict
	// is Refused by a decision.
	Agent string
	// Limit is the limit that the request exceeded: one of proxy.Limits, or "".
	Limit string
	// API reports whether the path belongs to the API, if there was a decision.
	API bool
	// Attached is what the API has attached by Attach, or nil.
	Attached any
	// Spans is Trace.Spans of what Config.Trace has returned, or nil.
	Spans any
	// Asked says that another proxy has the request, and sends the response.
	Asked bool
	// Cut says that the response was not sent to its end.
	Cut bool
	// Err is an internal error, for the operator, or nil.
	Err error
}
