// Package cors has the CORS headers of responses: those of a policy, in the answer to
// a preflight and in the response to an actual request. It decides nothing, and sends
// nothing itself.
package cors

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"originwarden/origins"
	"originwarden/proxy/fields"
)

// Config is what allowed responses say to browsers. It is not changed after New.
type Config struct {
	Credentials   bool
	Methods       []string      // answered to a preflight
	ExposeHeaders []string      // headers of a response that scripts may read
	MaxAge        time.Duration // how long a browser may cache a preflight's response
}

// Answer says which CORS headers a response has.
type Answer uint8

const (
	None   Answer = iota // none
	Shared               // ours for the origin, and no others
	Public               // ours for any origin, without credentials, and no others
	Kept                 // those that the response came with
)

// Field is a header field, with one value for each of its lines.
type Field struct {
	Name   string // canonical
	Values []string
}

// Policy is a Config in the form in which responses have it. It is immutable, and its
// values may be shared by responses.
type Policy struct {
	credentials []string // nil: none
	expose      []string // nil: none
	methods     []string
	maxAge      []string
}

// New returns the policy of c.
func New(c Config) *Policy {
	p := &Policy{
		methods: []string{strings.Join(c.Methods, ", ")},
		maxAge:  []string{strconv.Itoa(int(c.MaxAge / time.Second))},
	}
	if c.Credentials {
		p.credentials = []string{"true"}
	}
	if len(c.ExposeHeaders) > 0 {
		p.expose = []string{strings.Join(c.ExposeHeaders, ", ")}
	}
	return p
}

// Values that are the same in every response. They are not changed.
var (
	anyOrigin     = []string{"*"}
	publicMethods = []string{"GET, HEAD"}
	varyOrigin    = []string{"Origin"}
	varyPreflight = []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
)

// AppendPreflight appends the fields of the response to an allowed preflight (Fetch,
// section 3.3.4): those of AppendResponse, and what the actual request may have. requested
// are the lines of Access-Control-Request-Headers. It lists these headers by name, because
// "*" means nothing to a credentialed request, and never means Authorization. Browsers do
// not read the exposed headers here, but the conformance tests of the Gateway API do.
func (p *Policy) AppendPreflight(all []Field, answer Answer, origin, requested []string) []Field {
	methods := p.methods
	if answer == Public {
		methods = publicMethods
	}
	all = append(p.AppendResponse(all, answer, origin), Field{"Access-Control-Allow-Methods", methods})
	if names := requestedHeaders(requested); names != "" {
		all = append(all, Field{"Access-Control-Allow-Headers", []string{names}})
	}
	return append(all, Field{"Access-Control-Max-Age", p.maxAge}, Field{"Vary", varyPreflight})
}

// AppendResponse appends the CORS headers of a response to an actual request. The answer
// is Shared or Public; origin is the value of Origin, as the only one. It echoes the bytes
// of the origin, because browsers compare bytes (Fetch, section 3.3.3).
func (p *Policy) AppendResponse(all []Field, answer Answer, origin []string) []Field {
	if answer == Public {
		all = append(all, Field{"Access-Control-Allow-Origin", anyOrigin})
	} else {
		all = append(all, Field{"Access-Control-Allow-Origin", origin[:1:1]})
		if p.credentials != nil {
			all = append(all, Field{"Access-Control-Allow-Credentials", p.credentials})
		}
	}
	if p.expose != nil {
		all = append(all, Field{"Access-Control-Expose-Headers", p.expose})
	}
	return all
}

// Vary returns the Vary of a response that came with lines of it.
func Vary(lines []string) Field {
	if len(lines) > 0 {
		return Field{"Vary", []string{fields.MergeVary(lines)}}
	}
	return Field{"Vary", varyOrigin}
}

// requestedHeaders returns the names in the lines of Access-Control-Request-Headers,
// each once, in lower case.
func requestedHeaders(lines []string) string {
	var room [8]string
	names := room[:0]
	for name, ok := range origins.RequestHeaders(lines) {
		if name = strings.ToLower(name); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
