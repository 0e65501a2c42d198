package origins

import (
	"slices"
	"strings"
)

// Policy is what a tenant's operator has decided about origins, apart from the
// lists. It is not changed once it is in use. The zero value requires nothing,
// exempts nothing, and refuses preflights for anything that is not
// CORS-safelisted.
type Policy struct {
	// PublicOrigins are where browsers see the tenant itself, in canonical form.
	PublicOrigins []string
	// RequireOrigin refuses some requests that have no Origin.
	RequireOrigin Requirement
	// PostFromAnywhere are the exact raw paths where a POST passes that would
	// be refused otherwise, such as a sign-on callback.
	PostFromAnywhere []string
	// Methods may be asked for by a preflight, beside the CORS-safelisted ones.
	Methods []string
	// RequestHeaders are the names that a preflight may ask for, in lower case.
	// "*" stands for any.
	RequestHeaders []string
}

// Requirement says which requests must have an Origin.
type Requirement uint8

const (
	// RequireNone lets servers, command lines and same-origin GETs pass.
	RequireNone Requirement = iota
	// RequireWebSocket refuses WebSocket handshakes without an Origin.
	RequireWebSocket
	// RequireUnsafe refuses those, and requests by a method that is not safe
	// (RFC 9110, section 9.2.1).
	RequireUnsafe
)

// Request is what the decision needs to know of a request. Its strings are the
// bytes that came.
type Request struct {
	Kind   Kind
	Method string
	// Path is the raw path, not decoded.
	Path string
	// Origin holds the value of every Origin line.
	Origin []string
	// SecFetchSite holds the value of every Sec-Fetch-Site line.
	SecFetchSite []string
	// Integration is the web integration that the request names.
	Integration IntegrationID
	// Methods and Headers hold the values of every Access-Control-Request-Method
	// and -Headers line of a Preflight.
	Methods, Headers []string
}

// Kind tells apart what is decided differently.
type Kind uint8

const (
	// Actual is an actual request, or one that is no CORS request at all.
	Actual Kind = iota
	// Preflight is a CORS-preflight request (Fetch, section 3.3.2): OPTIONS
	// with Origin and Access-Control-Request-Method.
	Preflight
	// WebSocket is an opening handshake (RFC 6455, section 4.1).
	WebSocket
)

// String is the kind as logs and labels have it.
func (k Kind) String() string {
	switch k {
	case Preflight:
		return "preflight"
	case WebSocket:
		return "websocket"
	}
	return "actual"
}

// IntegrationID is the web integration that a request names, in whichever
// places. The zero value names none.
type IntegrationID struct {
	id        string
	present   bool
	ambiguous bool
}

// Add takes in an id that the request names. Ids that differ make it
// ambiguous.
func (i *IntegrationID) Add(id string) {
	i.ambiguous = i.ambiguous || i.present && i.id != id
	i.id, i.present = id, true
}

// Decide decides about r on the tenant's list; a nil list is one that could not
// be had. The order is: what Screen decides, whether there is a list, the web
// integration, the list, and a preflight's method and headers.
func (p *Policy) Decide(r *Request, list *List) Reason {
	if reason, decided := p.Screen(r); decided {
		return reason
	}
	return p.DecideByList(r, list)
}

// Screen decides what needs no list, and reports whether it did: requests with
// several origins or none, those of the tenant's own origins, and those whose
// Origin no list can have.
func (p *Policy) Screen(r *Request) (reason Reason, decided bool) {
	switch {
	case len(r.Origin) > 1:
		return OriginRepeated, true
	case len(r.Origin) == 0:
		return p.exempt(r, p.withoutOrigin(r)), true
	case p.isSameOrigin(r):
		return p.finish(r, SameOrigin), true
	case r.Origin[0] == opaque:
		return p.exempt(r, OriginOpaque), true
	case !WellFormed(r.Origin[0]):
		return OriginMalformed, true
	}
	return undecided, false
}

// DecideByList decides about a request that Screen left open.
func (p *Policy) DecideByList(r *Request, list *List) Reason {
	return p.finish(r, p.exempt(r, byList(r, list)))
}

func byList(r *Request, list *List) Reason {
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

func (p *Policy) withoutOrigin(r *Request) Reason {
	required := false
	switch p.RequireOrigin {
	case RequireNone:
	case RequireWebSocket:
		required = r.Kind == WebSocket
	default:
		required = r.Kind == WebSocket || !isSafe(r.Method)
	}
	if required {
		return OriginRequired
	}
	return NoOrigin
}

// isSafe tells the safe methods that browsers send without an Origin (RFC
// 9110, section 9.2.1).
func isSafe(method string) bool {
	return method == "GET" || method == "HEAD" || method == "OPTIONS"
}

// isSameOrigin never compares with Host, which a page that rebinds its name
// controls. Sec-Fetch-Site cannot be set by scripts; browsers send it beside
// "null" for a form of a page with the referrer policy no-referrer. No browser
// sends such a preflight.
func (p *Policy) isSameOrigin(r *Request) bool {
	if r.Origin[0] == opaque {
		return r.Kind != Preflight && len(r.SecFetchSite) == 1 && r.SecFetchSite[0] == "same-origin"
	}
	return slices.Contains(p.PublicOrigins, r.Origin[0])
}

// exempt turns a refusal into PathExempt where any page may POST. What is
// broken rather than foreign stays refused: Screen does not ask about it.
func (p *Policy) exempt(r *Request, reason Reason) Reason {
	if reason.Verdict() == Refused && r.Kind == Actual && r.Method == "POST" && slices.Contains(p.PostFromAnywhere, r.Path) {
		return PathExempt
	}
	return reason
}

// finish holds an allowed preflight to the methods and headers.
func (p *Policy) finish(r *Request, reason Reason) Reason {
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

// allowsMethod compares bytes, for methods are case-sensitive. The
// CORS-safelisted ones need no leave (Fetch, CORS-preflight fetch, step 7).
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

// What a preflight may ask for. Browsers send sorted lower-case names once, and
// intermediaries may split lines and add space; beyond that it is an attack on
// whoever parses it.
const (
	maxRequestHeaders      = 128 // names, empty ones too
	maxRequestHeaderLength = 128
)

func (p *Policy) allowsHeaders(lines []string) bool {
	any := slices.Contains(p.RequestHeaders, "*")
	for name, ok := range RequestHeaders(lines) {
		if !ok || !any && !slices.ContainsFunc(p.RequestHeaders, func(have string) bool { return strings.EqualFold(have, name) }) {
			return false
		}
	}
	return true
}

// RequestHeaders yields the names that the lines of
// Access-Control-Request-Headers hold, as they were written, without the empty
// ones. Where they stop being a list of field names of a sane size it yields
// false and ends.
func RequestHeaders(lines []string) func(yield func(name string, ok bool) bool) {
	return func(yield func(string, bool) bool) {
		seen := 0
		for _, line := range lines {
			for more := true; more; {
				var name string
				name, line, more = strings.Cut(line, ",")
				name = strings.Trim(name, " \t")
				seen++
				if seen > maxRequestHeaders || len(name) > maxRequestHeaderLength || !isToken(name) {
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

// isToken reports whether s has only the bytes of a token (RFC 9110, section
// 5.6.2). Unlike a token it may be empty.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if !isLower(c) && !isDigit(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return true
}
