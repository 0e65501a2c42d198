package proxy

import (
	"net/http"

	"originwarden/proxy/cors"
	"originwarden/proxy/fields"
)

// allowPreflight returns the response to an allowed preflight, which the tenant does
// not get.
func (x *exchange) allowPreflight() *ownResponse {
	x.own.begin(http.StatusNoContent)
	x.own.fields = x.tenant.cors.AppendPreflight(x.own.fields, x.origin, x.decided.Headers)
	x.own.add("Cache-Control", noStore)
	x.cors = cors.Kept
	return &x.own
}

// corsFields appends the CORS headers and Vary of a response to all, in place of those
// that it came with; vary are its lines of Vary.
func (x *exchange) corsFields(all []field, vary []string) []field {
	if x.cors == cors.Kept {
		return all
	}
	all = append(all, cors.Vary(vary))
	if x.cors == cors.None {
		return all
	}
	return x.tenant.cors.AppendResponse(all, x.origin)
}

// setCORS sets the CORS headers and Vary of a response.
func (x *exchange) setCORS(header http.Header) {
	if x.cors == cors.Kept {
		return
	}
	fields.StripCORS(header)
	var room [4]field
	for _, f := range x.corsFields(room[:0], header["Vary"]) {
		header[f.Name] = f.Values
	}
}
