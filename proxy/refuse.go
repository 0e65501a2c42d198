package proxy

import (
	"net/http"
	"strings"

	"originwarden/envelope"
	"originwarden/origins"
)

// problem is a response of the gateway itself: a refusal, or why a request is not
// for a tenant, or why the tenant could not answer.
type problem struct {
	status int
	code   string
	title  string
	detail string
	header [2]string // one more header and its value
	meta   map[string]any
	limit  string // the one of Limits that was hit, or ""
}

// The limits of a gateway.
const (
	limitURL      = "url_bytes"
	limitBody     = "body_bytes"
	limitProgress = "body_progress"
	limitInFlight = "in_flight_per_tenant"
	limitDrain    = "drain" // the server aborts the requests that still run
)

// Limits returns all values of Exchange.Limit but the empty one.
func Limits() []string {
	return []string{limitURL, limitBody, limitProgress, limitInFlight, limitDrain}
}

// Where to read on. The client learns no more, because lists are not public.
const (
	refusalAdvice = " What to do: see docs/decision.md#the-reasons. The tenant's administrators can run: originwarden refused."
	ownHostDetail = " Its host is the one that the request was sent to. If that is the tenant's own address, its operator should add the origin to public_origins."
	hostAdvice    = " What to do: see docs/decision.md#what-looks-like-the-decision-and-is-not."
)

// refusal returns the response to a request that the decision refused. It is never
// 401: browser clients answer that by navigating to a login page.
func (x *exchange) refusal() *problem {
	p := &problem{status: http.StatusForbidden, code: x.Reason, title: "Origin refused", detail: explanations[x.Decision]}
	switch x.Decision {
	case origins.OriginRepeated:
		p.status = http.StatusBadRequest
	case origins.ListUnavailable, origins.ListStale:
		p.status, p.header = http.StatusServiceUnavailable, [2]string{"Retry-After", "1"}
	}
	p.meta = x.nearestMeta()
	if x.OwnHost {
		p.detail += ownHostDetail
	}
	return p
}

// explanations say why the decision refused a request, with nothing of the request.
var explanations = map[origins.Reason]string{
	origins.OriginNotListed:           "No web integration of this tenant lists the origin." + refusalAdvice,
	origins.OriginMalformed:           "The Origin is not the serialization of an origin that can be listed." + refusalAdvice,
	origins.OriginOpaque:              "The origin is opaque (null), which no list can hold." + refusalAdvice,
	origins.OriginRepeated:            "The request has several Origin lines." + refusalAdvice,
	origins.OriginRequired:            "This request needs an Origin." + refusalAdvice,
	origins.WebIntegrationUnknown:     "The tenant has no web integration of the given id." + refusalAdvice,
	origins.OriginNotInWebIntegration: "The given web integration does not list the origin." + refusalAdvice,
	origins.WebIntegrationAmbiguous:   "The request names several web integrations." + refusalAdvice,
	origins.MethodNotAllowed:          "The preflight asks for a method that is not allowed." + refusalAdvice,
	origins.HeaderNotAllowed:          "The preflight asks for a header that is not allowed." + refusalAdvice,
	origins.ListUnavailable:           "The tenant's list is unavailable." + refusalAdvice,
	origins.ListStale:                 "The tenant's list is out of date." + refusalAdvice,
}

// Why a request is not for a tenant, or was not answered by it. They are not
// changed.
var (
	tenantUnknown = &problem{status: http.StatusMisdirectedRequest, code: "TENANT_UNKNOWN", title: "Tenant unknown",
		detail: "No tenant has this host." + hostAdvice}
	urlTooLong = &problem{status: http.StatusRequestURITooLong, code: "URL_TOO_LONG", title: "URL too long",
		detail: "The request target is too long.", limit: limitURL}
	bodyTooLarge = &problem{status: http.StatusRequestEntityTooLarge, code: "BODY_TOO_LARGE", title: "Body too large",
		detail: "The request's body is too large.", limit: limitBody}
	bodyStalled = &problem{status: http.StatusRequestTimeout, code: "BODY_TIMEOUT", title: "Body timed out",
		detail: "The request's body made no progress.", limit: limitProgress}
	bodyBroken = &problem{status: http.StatusBadRequest, code: "BAD_REQUEST", title: "Bad Request",
		detail: "The request's body is incomplete."}
	overloaded = &problem{status: http.StatusServiceUnavailable, code: "OVERLOADED", title: "Tenant overloaded",
		detail: "The tenant has too many requests in flight.", header: [2]string{"Retry-After", "1"}, limit: limitInFlight}
	hostNotLoopback = &problem{status: http.StatusMisdirectedRequest, code: tenantUnknown.code, title: tenantUnknown.title,
		detail: "No tenant has this host. On a loopback address, a tenant without hosts serves localhost and 127.0.0.1 only: its operator should add the host to its hosts."}
	badTarget = &problem{status: http.StatusBadRequest, code: "BAD_REQUEST", title: "Bad Request",
		detail: "The request target is not a path, or has characters that a URL cannot have."}
	badHost = &problem{status: http.StatusBadRequest, code: "BAD_REQUEST", title: "Bad Request",
		detail: "The request names several hosts."}
	badMethod = &problem{status: http.StatusBadRequest, code: "BAD_REQUEST", title: "Bad Request",
		detail: "The method is not a valid token."}
	upgradeRefused = &problem{status: http.StatusBadRequest, code: "UPGRADE_REFUSED", title: "Upgrade refused",
		detail: "The Upgrade is not a valid WebSocket handshake."}
	methodNotForwarded = &problem{status: http.StatusMethodNotAllowed, code: "METHOD_NOT_ALLOWED", title: "Method not allowed",
		detail: "This method is never forwarded.", header: [2]string{"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}}
	methodNotImplemented = &problem{status: http.StatusNotImplemented, code: "METHOD_NOT_ALLOWED", title: "Method not allowed",
		detail: "This method is not implemented."}
	upstreamUnreachable = &problem{status: http.StatusBadGateway, code: "UPSTREAM_UNREACHABLE", title: "Tenant unreachable",
		detail: "The tenant did not answer."}
	upstreamTimeout = &problem{status: http.StatusGatewayTimeout, code: "UPSTREAM_TIMEOUT", title: "Tenant timed out",
		detail: "The tenant did not answer in time."}
	loopDetected = &problem{status: http.StatusLoopDetected, code: "LOOP_DETECTED", title: "Loop detected",
		detail: "The request has come back to this gateway: the tenant's upstream leads to the gateway itself."}
)

// checkMethod returns the response to a method that is never forwarded, or nil.
// Some tenants read methods in any case. Those of HTTP/2 may not be tokens, because
// it delimits them by length.
func checkMethod(method string) *problem {
	switch strings.ToUpper(method) {
	case http.MethodConnect, http.MethodTrace, "TRACK":
		return methodNotForwarded
	case "PRI": // of the HTTP/2 preface (RFC 9113, section 3.4)
		return methodNotImplemented
	}
	if !origins.IsToken(method) {
		return badMethod
	}
	return nil
}

// nearestMeta returns what a tenant with Debug adds to a refusal.
func (x *exchange) nearestMeta() map[string]any {
	if x.Nearest.Relation == "" {
		return nil
	}
	return map[string]any{"nearest": map[string]any{"relation": x.Nearest.Relation, "entry": x.Nearest.Entry}}
}

// refuse answers with p, in the envelope and not to be stored. It repeats nothing
// of the request but the trace id.
func (x *exchange) refuse(p *problem) {
	if x.Reason == "" {
		x.Reason = strings.ToLower(p.code)
	}
	x.Limit = p.limit
	header := x.response.Header()
	clear(header)
	header["Cache-Control"] = x.settings.fixed.noStore
	if p.header[0] != "" {
		header[p.header[0]] = []string{p.header[1]}
	}
	envelope.Write(&x.response, x.TraceID, p.status, envelope.Error{Code: p.code, Title: p.title, Detail: p.detail, Meta: p.meta})
}

// isRefusedOwnHost reports whether the refused origin has the host and port that
// the request was sent to. Browsers send Origin for the tenant's own pages
// too: with POST, and for scripts that are marked crossorigin. It stays refused,
// because a page that rebinds its name has that host too, and only the operator
// knows the tenant's addresses.
func isRefusedOwnHost(reason origins.Reason, origin, host string) bool {
	if reason != origins.OriginNotListed && reason != origins.OriginNotInWebIntegration {
		return false
	}
	scheme, authority, _ := strings.Cut(origin, "://")
	defaultPort := ""
	switch scheme {
	case "http":
		defaultPort = "80"
	case "https":
		defaultPort = "443"
	}
	name := HostName(host)
	return defaultPort != "" && name != "" && name == HostName(authority) && portOf(host, defaultPort) == portOf(authority, defaultPort)
}

// portOf returns the port of a valid host, or defaultPort if it has none.
func portOf(host, defaultPort string) string {
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') && colon < len(host)-1 {
		return host[colon+1:]
	}
	return defaultPort
}
