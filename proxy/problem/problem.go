// Package problem has the error responses of the gateway: to requests that it refuses,
// and to those that it cannot forward. It sends nothing itself.
package problem

import (
	"net/http"
	"strings"
	"sync/atomic"

	"originwarden/envelope"
	"originwarden/origins"
)

// Problem is an error response of the gateway: a refusal, or why a request is not for
// a tenant, or why the tenant could not answer. It contains nothing of the request,
// except in Meta. It is not copied, nor changed after its first use.
type Problem struct {
	// Status is the status code (RFC 9110, section 15).
	Status int
	// Code, Title, Detail and Meta are members of the error document; see
	// envelope.Error. Meta may be nil.
	Code   string
	Title  string
	Detail string
	Meta   map[string]any
	// Header is the canonical name of one more field and its value; "" is none.
	Header [2]string
	// Limit is the limit that was exceeded, one of Limits, or "".
	Limit string

	fixed atomic.Pointer[envelope.Fixed] // the body; nil before its first use, and with Meta
}

// Body returns the error document, in JSON.
func (p *Problem) Body(traceID string) []byte {
	e := envelope.Error{Code: p.Code, Title: p.Title, Detail: p.Detail, Meta: p.Meta}
	if p.Meta != nil {
		return envelope.Encode(traceID, p.Status, e)
	}
	fixed := p.fixed.Load()
	if fixed == nil {
		fixed = envelope.NewFixed(p.Status, e)
		p.fixed.Store(fixed)
	}
	return fixed.Encode(traceID)
}

// The values of Problem.Limit: keys of the configuration without their section. The log
// and the metrics have them too.
const (
	LimitURL      = "url_bytes"
	LimitBody     = "body_bytes"
	LimitProgress = "body_progress"
	LimitInFlight = "in_flight_per_tenant"
	LimitDrain    = "drain" // the server aborts the requests that still run
)

// Limits returns all values of Problem.Limit but the empty one, in a new slice.
func Limits() []string {
	return []string{LimitURL, LimitBody, LimitProgress, LimitInFlight, LimitDrain}
}

// hostAdvice is where to read on.
const hostAdvice = " What to do: see docs/decision.md#what-looks-like-the-decision-and-is-not."

// Why a request is not for a tenant, or was not answered by it. They are not changed.
// The statuses are those of RFC 9110, section 15.5 and 15.6; LoopDetected has that of
// RFC 5842, section 7.2.
var (
	// No tenant has the host of the request.
	TenantUnknown = &Problem{Status: http.StatusMisdirectedRequest, Code: "TENANT_UNKNOWN", Title: "Tenant unknown",
		Detail: "No tenant has this host." + hostAdvice}
	// The request target is longer than Config.URLBytes.
	URLTooLong = &Problem{Status: http.StatusRequestURITooLong, Code: "URL_TOO_LONG", Title: "URL too long",
		Detail: "The request target is too long.", Limit: LimitURL}
	// The body is larger than Config.BodyBytes.
	BodyTooLarge = &Problem{Status: http.StatusRequestEntityTooLarge, Code: "BODY_TOO_LARGE", Title: "Body too large",
		Detail: "The request's body is too large.", Limit: LimitBody}
	// A read of the body took longer than Timeouts.Progress.
	BodyStalled = &Problem{Status: http.StatusRequestTimeout, Code: "BODY_TIMEOUT", Title: "Body timed out",
		Detail: "The request's body made no progress.", Limit: LimitProgress}
	// The client ended the body early, or its framing is invalid.
	BodyBroken = &Problem{Status: http.StatusBadRequest, Code: "BAD_REQUEST", Title: "Bad Request",
		Detail: "The request's body is incomplete."}
	// The tenant has Config.InFlightPerTenant requests in flight.
	Overloaded = &Problem{Status: http.StatusServiceUnavailable, Code: "OVERLOADED", Title: "Tenant overloaded",
		Detail: "The tenant has too many requests in flight.", Header: [2]string{"Retry-After", "1"}, Limit: LimitInFlight}
	// Like TenantUnknown, where a tenant without hosts serves loopback names only.
	HostNotLoopback = &Problem{Status: http.StatusMisdirectedRequest, Code: TenantUnknown.Code, Title: TenantUnknown.Title,
		Detail: "No tenant has this host. On a loopback address, a tenant without hosts serves localhost and 127.0.0.1 only: its operator should add the host to its hosts."}
	// See Request.HasValidTarget.
	BadTarget = &Problem{Status: http.StatusBadRequest, Code: "BAD_REQUEST", Title: "Bad Request",
		Detail: "The request target is not a path, or has characters that a URL cannot have."}
	// See Request.NamesSeveralHosts.
	BadHost = &Problem{Status: http.StatusBadRequest, Code: "BAD_REQUEST", Title: "Bad Request",
		Detail: "The request names several hosts."}
	// The method is not a token (RFC 9110, section 9.1).
	BadMethod = &Problem{Status: http.StatusBadRequest, Code: "BAD_REQUEST", Title: "Bad Request",
		Detail: "The method is not a valid token."}
	// See Request.Kind.
	UpgradeRefused = &Problem{Status: http.StatusBadRequest, Code: "UPGRADE_REFUSED", Title: "Upgrade refused",
		Detail: "The Upgrade is not a valid WebSocket handshake."}
	// The method is CONNECT, TRACE or TRACK, in any case.
	MethodNotForwarded = &Problem{Status: http.StatusMethodNotAllowed, Code: "METHOD_NOT_ALLOWED", Title: "Method not allowed",
		Detail: "This method is never forwarded.", Header: [2]string{"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}}
	// The method is PRI, of the HTTP/2 preface (RFC 9113, section 3.4).
	MethodNotImplemented = &Problem{Status: http.StatusNotImplemented, Code: "METHOD_NOT_ALLOWED", Title: "Method not allowed",
		Detail: "This method is not implemented."}
	// There is no connection to the tenant, or it was lost before the response, or the
	// response is malformed.
	UpstreamUnreachable = &Problem{Status: http.StatusBadGateway, Code: "UPSTREAM_UNREACHABLE", Title: "Tenant unreachable",
		Detail: "The tenant did not answer."}
	// Timeouts.Connect or Timeouts.Response passed.
	UpstreamTimeout = &Problem{Status: http.StatusGatewayTimeout, Code: "UPSTREAM_TIMEOUT", Title: "Tenant timed out",
		Detail: "The tenant did not answer in time."}
	// The tenant has no upstream.
	NotForwarded = &Problem{Status: http.StatusMisdirectedRequest, Code: "NOT_FORWARDED", Title: "Not forwarded",
		Detail: "This gateway only decides on the requests of this host: the proxy that asks it has them. The tenant has no upstream here."}
	// The request has the mark of its tenant in CDN-Loop (RFC 8586).
	LoopDetected = &Problem{Status: http.StatusLoopDetected, Code: "LOOP_DETECTED", Title: "Loop detected",
		Detail: "The request has come back to this gateway: the tenant's upstream leads to the gateway itself."}
)

// OfMethod returns the problem of a method that is never forwarded, or nil. Case does
// not matter: some tenants read methods in any case. Methods of HTTP/2 may not be
// tokens, because it delimits them by length.
func OfMethod(method string) *Problem {
	switch strings.ToUpper(method) {
	case http.MethodConnect, http.MethodTrace, "TRACK":
		return MethodNotForwarded
	case "PRI": // of the HTTP/2 preface (RFC 9113, section 3.4)
		return MethodNotImplemented
	}
	if !origins.IsToken(method) {
		return BadMethod
	}
	return nil
}
