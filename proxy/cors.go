package proxy

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"originwarden/origins"
	"originwarden/proxy/fields"
)

// corsFields says which CORS headers a response has.
type corsFields uint8

const (
	corsNone   corsFields = iota
	corsShared            // ours for the origin, and no others
	corsKept              // those already in the header
)

// fixedValues are header values that are the same in every response.
type fixedValues struct {
	credentials   []string // nil: none
	expose        []string // nil: none
	methods       []string
	maxAge        []string
	vary          []string
	varyPreflight []string
	noStore       []string
}

func newFixedValues(c CORS) fixedValues {
	s := fixedValues{
		methods: []string{strings.Join(c.Methods, ", ")},
		maxAge:  []string{strconv.Itoa(int(c.MaxAge / time.Second))},

		vary:          []string{"Origin"},
		varyPreflight: []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"},
		noStore:       []string{"no-store"},
	}
	if c.Credentials {
		s.credentials = []string{"true"}
	}
	if len(c.ExposeHeaders) > 0 {
		s.expose = []string{strings.Join(c.ExposeHeaders, ", ")}
	}
	return s
}

// allowPreflight returns the response to an allowed preflight (Fetch, section
// 3.3.4), which the tenant does not get. It lists the requested headers by name,
// because "*" means nothing to a credentialed request.
func (x *exchange) allowPreflight() *ownResponse {
	fixed := &x.settings.fixed
	x.cors = corsKept
	x.own.begin(http.StatusNoContent)
	x.own.add("Access-Control-Allow-Origin", x.origin[:1:1])
	if fixed.credentials != nil {
		x.own.add("Access-Control-Allow-Credentials", fixed.credentials)
	}
	x.own.add("Access-Control-Allow-Methods", fixed.methods)
	if names := requestedHeaders(x.decided.Headers); names != "" {
		x.own.add("Access-Control-Allow-Headers", []string{names})
	}
	x.own.add("Access-Control-Max-Age", fixed.maxAge)
	x.own.add("Vary", fixed.varyPreflight)
	x.own.add("Cache-Control", fixed.noStore)
	return &x.own
}

// requestedHeaders returns the names in the lines of Access-Control-Request-Headers,
// each once, in lower case.
func requestedHeaders(lines []string) string {
	var names []string
	for name, ok := range origins.RequestHeaders(lines) {
		if name = strings.ToLower(name); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// corsFields appends the CORS headers and Vary of a response to all, in place of those
// that it came with; vary are its lines of Vary. It echoes the bytes of the origin,
// because browsers compare bytes (Fetch, section 3.3.3).
func (x *exchange) corsFields(all []field, vary []string) []field {
	fixed := &x.settings.fixed
	if x.cors == corsKept {
		return all
	}
	all = append(all, x.varyField(vary))
	if x.cors != corsShared {
		return all
	}
	all = append(all, field{"Access-Control-Allow-Origin", x.origin[:1:1]})
	if fixed.credentials != nil {
		all = append(all, field{"Access-Control-Allow-Credentials", fixed.credentials})
	}
	if fixed.expose != nil {
		all = append(all, field{"Access-Control-Expose-Headers", fixed.expose})
	}
	return all
}

// varyField returns the Vary of a response that came with lines of it.
func (x *exchange) varyField(lines []string) field {
	if len(lines) > 0 {
		return field{"Vary", []string{fields.MergeVary(lines)}}
	}
	return field{"Vary", x.settings.fixed.vary}
}

// setCORS sets the CORS headers and Vary of a response.
func (x *exchange) setCORS(header http.Header) {
	if x.cors == corsKept {
		return
	}
	fields.StripCORS(header)
	var room [4]field
	for _, f := range x.corsFields(room[:0], header["Vary"]) {
		header[f.name] = f.values
	}
}
