package proxy

import (
	"net/http"
	"slices"
	"strings"

	"originwarden/origins"
)

// preflight answers an allowed preflight (Fetch, section 3.3.4): the tenant is
// not contacted. The headers asked for are answered by name, for "*" means
// nothing to a credentialed request. Vary is set as a whole and not merged.
func (x *exchange) preflight(r *http.Request) {
	stamps := x.answer.stamps
	x.answer.dress = untouched
	header := x.answer.Header()
	header["Access-Control-Allow-Origin"] = x.answer.origin[:1:1]
	if stamps.credentials != nil {
		header["Access-Control-Allow-Credentials"] = stamps.credentials
	}
	header["Access-Control-Allow-Methods"] = stamps.methods
	if names := requestedHeaders(r); names != "" {
		header["Access-Control-Allow-Headers"] = []string{names}
	}
	header["Access-Control-Max-Age"] = stamps.maxAge
	header["Vary"] = stamps.varyPreflight
	header["Cache-Control"] = stamps.noStore
	x.answer.WriteHeader(http.StatusNoContent)
}

// requestedHeaders are the names of Access-Control-Request-Headers, each once,
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
