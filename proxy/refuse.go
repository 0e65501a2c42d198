package proxy

import (
	"net/http"
	"strings"

	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/proxy/http1"
)

// problem is an answer that the gateway gives by itself: a refusal, or why a
// request is none for a tenant, or why the tenant could not answer.
type problem struct {
	status int
	code   string
	title  string
	detail string
	header [2]string // one more header and its value
	limit  string    // the one of Limits that was hit, or ""
}

// The limits of a gateway.
const (
	limitURL      = "url_bytes"
	limitBody     = "body_bytes"
	limitProgress = "body_progress"
	limitInFlight = "in_flight_per_tenant"
	limitDrain    = "drain" // the server ends what runs
)

// Limits returns all values of Exchange.Limit but the empty one.
func Limits() []string {
	return []string{limitURL, limitBody, limitProgress, limitInFlight, limitDrain}
}

// Where people find what to do next. A client is told no more: what was sent, and
// what is listed, is for those who may see it.
const (
	nextOfRefusal = " What to do: docs/decision.md#the-reasons, and for the tenant's administrators: originwarden refused."
	nextOfHost    = " What to do: docs/decision.md#what-looks-like-the-decision-and-is-not."
)

// refusalOf is the answer to a refused request. Never 401: browser clients
// answer that by navigating to a login page.
func refusalOf(reason origins.Reason) *problem {
	p := &problem{status: http.StatusForbidden, code: reason.String(), title: "Origin refused", detail: explain(reason)}
	switch reason {
	case origins.OriginRepeated:
		p.status = http.StatusBadRequest
	case origins.ListUnavailable, origins.ListStale:
		p.status, p.header = http.StatusServiceUnavailable, [2]string{"Retry-After", "1"}
	}
	return p
}

// explain tells a reason in a sentence that holds nothing of the request.
func explain(reason origins.Reason) string {
	switch reason {
	case origins.OriginNotListed:
		return "No web integration of this tenant lists the origin." + nextOfRefusal
	case origins.OriginMalformed:
		return "The Origin is not the serialization of an origin that can be listed." + nextOfRefusal
	case origins.OriginOpaque:
		return "The origin is opaque (null), which no list can hold." + nextOfRefusal
	case origins.OriginRepeated:
		return "The request has several Origin lines." + nextOfRefusal
	case origins.OriginRequired:
		return "This request needs an Origin." + nextOfRefusal
	case origins.WebIntegrationUnknown:
		return "The tenant has no web integration of the given id." + nextOfRefusal
	case origins.OriginNotInWebIntegration:
		return "The given web integration does not list the origin." + nextOfRefusal
	case origins.WebIntegrationAmbiguous:
		return "The request names several web integrations." + nextOfRefusal
	case origins.MethodNotAllowed:
		return "The preflight asks for a method that is not allowed." + nextOfRefusal
	case origins.HeaderNotAllowed:
		return "The preflight asks for a header that is not allowed." + nextOfRefusal
	case origins.ListUnavailable:
		return "The tenant's list could not be had." + nextOfRefusal
	case origins.ListStale:
		return "The tenant's list is older than it may be." + nextOfRefusal
	}
	return ""
}

// What is no request for a tenant, or could not be answered by it. None of
// them is changed.
var (
	tenantUnknown = &problem{status: http.StatusMisdirectedRequest, code: "TENANT_UNKNOWN", title: "Tenant unknown",
		detail: "No tenant has this host." + nextOfHost}
	urlTooLong = &problem{status: http.StatusRequestURITooLong, code: "URL_TOO_LONG", title: "URL too long",
		detail: "The request target is longer than this gateway takes.", limit: limitURL}
	bodyTooLarge = &problem{status: http.StatusRequestEntityTooLarge, code: "BODY_TOO_LARGE", title: "Body too large",
		detail: "The request's body is larger than this gateway takes.", limit: limitBody}
	bodyStalled = &problem{status: http.StatusRequestTimeout, code: "BODY_TIMEOUT", title: "Body timed out",
		detail: "The request's body made no progress.", limit: limitProgress}
	bodyBroken = &problem{status: http.StatusBadRequest, code: "BAD_REQUEST", title: "Bad Request",
		detail: "The request's body broke off."}
	overloaded = &problem{status: http.StatusServiceUnavailable, code: "OVERLOADED", title: "Tenant overloaded",
		detail: "The tenant has as many requests in flight as it may have.", header: [2]string{"Retry-After", "1"}, limit: limitInFlight}
	badTarget = &problem{status: http.StatusBadRequest, code: "BAD_REQUEST", title: "Bad Request",
		detail: "The request target is no path, or has characters that no URL has."}
	badHost = &problem{status: http.StatusBadRequest, code: "BAD_REQUEST", title: "Bad Request",
		detail: "The request names several hosts."}
	badMethod = &problem{status: http.StatusBadRequest, code: "BAD_REQUEST", title: "Bad Request",
		detail: "The method has characters that no method has."}
	upgradeRefused = &problem{status: http.StatusBadRequest, code: "UPGRADE_REFUSED", title: "Upgrade refused",
		detail: "The only upgrade is a WebSocket handshake."}
	methodNotForwarded = &problem{status: http.StatusMethodNotAllowed, code: "METHOD_NOT_ALLOWED", title: "Method not allowed",
		detail: "This method is never forwarded.", header: [2]string{"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}}
	methodNotImplemented = &problem{status: http.StatusNotImplemented, code: "METHOD_NOT_ALLOWED", title: "Method not allowed",
		detail: "This method is not implemented."}
	upstreamUnreachable = &problem{status: http.StatusBadGateway, code: "UPSTREAM_UNREACHABLE", title: "Tenant unreachable",
		detail: "The tenant did not answer."}
	upstreamTimeout = &problem{status: http.StatusGatewayTimeout, code: "UPSTREAM_TIMEOUT", title: "Tenant timed out",
		detail: "The tenant did not answer in time."}
	loopDetected = &problem{status: http.StatusLoopDetected, code: "LOOP_DETECTED", title: "Loop detected",
		detail: "The request has come back to this gateway: the upstream of the tenant leads here."}
)

// forbiddenMethod refuses the methods that make tunnels or loops of a proxy,
// in any case: some tenants read methods so. HTTP/2 delimits methods otherwise
// than a request line, so they may be no tokens.
func forbiddenMethod(method string) *problem {
	switch strings.ToUpper(method) {
	case http.MethodConnect, http.MethodTrace, "TRACK":
		return methodNotForwarded
	case "PRI": // of the HTTP/2 preface (RFC 9113, section 3.4)
		return methodNotImplemented
	}
	if !http1.IsToken(method) {
		return badMethod
	}
	return nil
}

// hint is what a tenant with Debug adds to a refusal.
func (x *exchange) hint() map[string]any {
	if x.Nearest.Relation == "" {
		return nil
	}
	return map[string]any{"nearest": map[string]any{"relation": x.Nearest.Relation, "entry": x.Nearest.Entry}}
}

// refuse answers with p, in the envelope and never to be stored. Nothing of
// the request is in it but the trace id.
func (x *exchange) refuse(p *problem) {
	if x.Reason == "" {
		x.Reason = strings.ToLower(p.code)
	}
	x.Limit = p.limit
	header := x.answer.Header()
	clear(header)
	header["Cache-Control"] = x.answer.stamps.noStore
	if p.header[0] != "" {
		header[p.header[0]] = []string{p.header[1]}
	}
	envelope.Write(&x.answer, x.TraceID, p.status, envelope.Error{Code: p.code, Title: p.title, Detail: p.detail, Meta: x.hint()})
}
