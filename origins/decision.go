package origins

import (
	"slices"
	"strings"
)

// Policy holds the operator's settings for one tenant. It must not change once it
// is in use. The zero value requires nothing, exempts nothing, and refuses a
// preflight for anything that is not CORS-safelisted.
type Policy struct {
	// PublicOrigins are the tenant's own origins, in canonical form.
	PublicOrigins []string
	// Patterns are those that may list an origin. An entry that is any other pattern
	// matches nothing.
	Patterns Patterns
	// RequireOrigin refuses some requests that have no Origin.
	RequireOrigin Requirement
	// PostFromAnywhere are exact raw paths, such as a sign-on callback, to which
	// any page may POST.
	PostFromAnywhere []string
	// PublicPaths are raw paths that any page may read, without credentials. One that
	// ends in /* is also the paths below it. Paths that servers may read in different
	// ways are never public: those with .., //, a backslash, a semicolon, or an escape
	// of a dot, a slash, a backslash, a semicolon, a percent sign or a control character.
	PublicPaths []string
	// Methods are allowed in preflights, besides the CORS-safelisted ones.
	Methods []string
	// RequestHeaders are the header names that preflights may request, in lower
	// case. "*" allows any.
	RequestHeaders []string
}

// Requirement says which requests must have an Origin.
type Requirement uint8

const (
	// RequireNone lets servers, command lines and same-origin GETs pass.
	RequireNone Requirement = iota
	// RequireWebSocket refuses WebSocket handshakes without an Origin.
	RequireWebSocket
	// RequireUnsafe also refuses requests whose method is not safe (RFC 9110,
	// section 9.2.1).
	RequireUnsafe
)

// Request is the part of a request that the decision depends on. Its strings are
// the bytes that were received.
type Request struct {
	Kind   Kind
	Method string
	// Path is the raw path, not decoded.
	Path string
	// Origin holds the value of every Origin line.
	Origin []string
	// SecFetchSite holds the value of every Sec-Fetch-Site line.
	SecFetchSite []string
	// Integration is the ID of a web integration that the request names.
	Integration IntegrationID
	// Methods and Headers hold the values of every Access-Control-Request-Method
	// and -Headers line of a Preflight.
	Methods, Headers []string
}

// Kind is the kind of a request.
type Kind uint8

const (
	// Actual is an actual request, or one that is not a CORS request.
	Actual Kind = iota
	// Preflight is a CORS-preflight request (Fetch, section 3.3.2): OPTIONS
	// with Origin and Access-Control-Request-Method.
	Preflight
	// WebSocket is an opening handshake (RFC 6455, section 4.1).
	WebSocket
)

// String returns the kind as it appears in logs and metric labels.
func (k Kind) String() string {
	switch k {
	case Preflight:
		return "preflight"
	case WebSocket:
		return "websocket"
	}
	return "actual"
}

// IntegrationID is the ID of the web integration that a request names, in one or
// more places. The zero value names none.
type IntegrationID struct {
	id        string
	present   bool
	ambiguous bool
}

// Add adds an ID that the request names. Different IDs make i ambiguous.
func (i *IntegrationID) Add(id string) {
	i.ambiguous = i.ambiguous || i.present && i.id != id
	i.id, i.present = id, true
}

// ID returns the ID, the last one if there are several, and whether there is one.
func (i IntegrationID) ID() (id string, named bool) { return i.id, i.present }

// Decide decides about r by the tenant's list. A nil list is an unavailable one.
// The order is: Screen, the list's availability, the web integration, the list,
// and a preflight's method and headers.
func (p *Policy) Decide(r *Request, list *List) Reason {
	if reason, decided := p.Screen(r); decided {
		return reason
	}
	reason, _ := p.DecideByList(r, list)
	return reason
}

// Screen decides about requests that need no list, and reports whether r is one:
// requests with several origins or none, requests from the tenant's own origins,
// requests for public paths, and requests whose Origin cannot be in any list.
func (p *Policy) Screen(r *Request) (reason Reason, decided bool) {
	switch {
	case len(r.Origin) > 1:
		return OriginRepeated, true
	case len(r.Origin) == 0:
		return p.exemptPost(r, p.reasonWithoutOrigin(r)), true
	case p.isSameOrigin(r):
		return p.checkPreflight(r, SameOrigin), true
	case r.Origin[0] != opaque && !WellFormed(r.Origin[0]):
		return OriginMalformed, true
	case p.isPublic(r):
		return p.checkPreflight(r, PathPublic), true
	case r.Origin[0] == opaque:
		return p.exemptPost(r, OriginOpaque), true
	}
	return "", false
}

// DecideByList decides about a request that Screen did not decide about. pattern is the
// entry that the origin matches, if that is a pattern: if the reason is
// OriginNotListed or OriginNotInWebIntegration, one that Patterns does not permit.
func (p *Policy) DecideByList(r *Request, list *List) (reason Reason, pattern string) {
	reason = reasonByName(r, list)
	if (reason == OriginNotListed || reason == OriginNotInWebIntegration) && list.hasPatterns() {
		return p.decideByPattern(r, list, reason)
	}
	return p.checkPreflight(r, p.exemptPost(r, reason)), ""
}

// reasonByName decides without patterns.
func reasonByName(r *Request, list *List) Reason {
	origin, integration := r.Origin[0], r.Integration
	switch {
	case list == nil:
		return ListUnavailable
	case list.stale:
		return ListStale
	case integration.ambiguous:
		return WebIntegrationAmbiguous
	case integration.present:
		known, listed := list.PartContains(integration.id, origin)
		if !known {
			return WebIntegrationUnknown
		}
		if !listed {
			return OriginNotInWebIntegration
		}
	case !list.Contains(origin):
		return OriginNotListed
	}
	return Listed
}

// decideByPattern decides about an origin that is not listed by its name, for which
// the reason is unlisted if no pattern lists it either.
func (p *Policy) decideByPattern(r *Request, list *List, unlisted Reason) (reason Reason, pattern string) {
	listed, reason := false, unlisted
	if r.Integration.present {
		_, listed, pattern = list.PartMatch(r.Integration.id, r.Origin[0], p.Patterns)
	} else {
		listed, pattern = list.matchPattern(r.Origin[0], p.Patterns, nil)
	}
	if listed {
		reason = Listed
	}
	if reason = p.exemptPost(r, reason); reason == PathExempt {
		pattern = ""
	}
	return p.checkPreflight(r, reason), pattern
}

func (p *Policy) reasonWithoutOrigin(r *Request) Reason {
	switch {
	case p.RequireOrigin == RequireNone:
	case r.Kind == WebSocket:
		return OriginRequired
	case p.RequireOrigin != RequireWebSocket && !isSafeMethod(r.Method):
		return OriginRequired
	}
	return NoOrigin
}

// isSafeMethod reports whether method is one of the safe methods that browsers
// send without an Origin (RFC 9110, section 9.2.1).
func isSafeMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == "OPTIONS"
}

// isSameOrigin reports whether r is from one of the tenant's own pages. It does not
// use Host, which a page controls by DNS rebinding. For a form on a page with the
// referrer policy no-referrer, browsers send the origin "null" and Sec-Fetch-Site,
// which scripts cannot set. A preflight never has both.
func (p *Policy) isSameOrigin(r *Request) bool {
	if r.Origin[0] == opaque {
		return r.Kind != Preflight && len(r.SecFetchSite) == 1 && r.SecFetchSite[0] == "same-origin"
	}
	return slices.Contains(p.PublicOrigins, r.Origin[0])
}

// exemptPost turns a refusal into PathExempt where any page may POST. Screen does
// not call it for a malformed or repeated Origin, which stays refused.
func (p *Policy) exemptPost(r *Request, reason Reason) Reason {
	if r.Kind == Actual && r.Method == "POST" && reason.Verdict() == Refused && slices.Contains(p.PostFromAnywhere, r.Path) {
		return PathExempt
	}
	return reason
}

// checkPreflight refuses an allowed preflight for a method or header that is not
// allowed.
func (p *Policy) checkPreflight(r *Request, reason Reason) Reason {
	if r.Kind != Preflight || reason.Verdict() == Refused {
		return reason
	}
	if !p.allowsMethod(r.Methods) {
		return MethodNotAllowed
	}
	if !p.allowsHeaders(r.Headers) {
		return HeaderNotAllowed
	}
	return reason
}

// allowsMethod is case-sensitive, as methods are. The CORS-safelisted methods are
// always allowed (Fetch, CORS-preflight fetch, step 7).
func (p *Policy) allowsMethod(lines []string) bool {
	if len(lines) != 1 {
		return false
	}
	switch lines[0] {
	case "GET", "HEAD", "POST":
		return true
	}
	return slices.Contains(p.Methods, lines[0])
}

// Limits of Access-Control-Request-Headers. Browsers send each name once, in lower
// case and sorted. Intermediaries may split lines and add spaces. Larger values are
// attacks on the parser.
const (
	maxRequestHeaders      = 128 // names, empty ones too
	maxRequestHeaderLength = 128
)

func (p *Policy) allowsHeaders(lines []string) bool {
	allowsAny := slices.Contains(p.RequestHeaders, "*")
	for name, ok := range RequestHeaders(lines) {
		if !ok || !allowsAny && !slices.ContainsFunc(p.RequestHeaders, func(have string) bool { return strings.EqualFold(have, name) }) {
			return false
		}
	}
	return true
}

// RequestHeaders yields the names in the lines of Access-Control-Request-Headers
// as they were received, but no empty ones. At the first invalid name, and at one
// that exceeds the limits, it yields false and ends.
func RequestHeaders(lines []string) func(yield func(name string, ok bool) bool) {
	return func(yield func(string, bool) bool) {
		seen := 0
		for _, line := range lines {
			for more := true; more; {
				var name string
				name, line, more = strings.Cut(line, ",")
				name = strings.Trim(name, " \t")
				seen++
				if seen > maxRequestHeaders || len(name) > maxRequestHeaderLength || name != "" && !IsToken(name) {
					yield("", false)
					return
				}
				if name != "" && !yield(name, true) {
					return
				}
			}
		}
	}
}
