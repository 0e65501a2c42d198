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

// answerPreflight answers an allowed preflight (Fetch, section 3.3.4) without the
// tenant. It lists the requested headers by name, because "*" means nothing to a
// credentialed request.
func (x *exchange) answerPreflight(r *http.Request) {
	fixed := &x.settings.fixed
	x.response.cors = corsKept
	header := x.response.Header()
	header["Access-Control-Allow-Origin"] = x.response.originLines[:1:1]
	if fixed.credentials != nil {
		header["Access-Control-Allow-Credentials"] = fixed.credentials
	}
	header["Access-Control-Allow-Methods"] = fixed.methods
	if names := requestedHeaders(r); names != "" {
		header["Access-Control-Allow-Headers"] = []string{names}
	}
	header["Access-Control-Max-Age"] = fixed.maxAge
	header["Vary"] = fixed.varyPreflight
	header["Cache-Control"] = fixed.noStore
	x.response.WriteHeader(http.StatusNoContent)
}

// requestedHeaders returns the names of Access-Control-Request-Headers, each once,
// in lower case.
func requestedHeaders(r *http.Request) string {
	var names []string
	for name, ok := range origins.RequestHeaders(r.Header["Access-Control-Request-Headers"]) {
		if name = strings.ToLower(name); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func (w *responseWriter) setCORS(header http.Header) {
	if w.cors == corsKept {
		return
	}
	fields.StripCORS(header)
	w.mergeVary(header)
	if w.cors == corsShared {
		w.addCORS(header)
	}
}

func (w *responseWriter) mergeVary(header http.Header) {
	if lines := header["Vary"]; len(lines) > 0 {
		header["Vary"] = []string{fields.MergeVary(lines)}
		return
	}
	header["Vary"] = w.exchange.settings.fixed.vary
}

// addCORS sets the headers of a CORS response (Fetch, section 3.3.3). It echoes the
// bytes of the origin, because browsers compare bytes.
func (w *responseWriter) addCORS(header http.Header) {
	header["Access-Control-Allow-Origin"] = w.originLines[:1:1]
	if w.exchange.settings.fixed.credentials != nil {
		header["Access-Control-Allow-Credentials"] = w.exchange.settings.fixed.credentials
	}
	if w.exchange.settings.fixed.expose != nil {
		header["Access-Control-Expose-Headers"] = w.exchange.settings.fixed.expose
	}
}
