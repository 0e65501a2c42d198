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
	x.own.fields = x.tenant.cors.AppendPreflight(x.own.fields, x.cors, x.origin, x.decided.Headers)
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
	return x.tenant.cors.AppendResponse(all, x.cors, x.origin)
}

// setCORS sets the CORS headers and Vary of a response.
func (x *exchange) setCORS(header http.Header) {
	if x.cors == cors.Kept {
		return
	}
	x.stripTenantFields(header)
	var room [4]field
	for _, f := range x.corsFields(room[:0], header["Vary"]) {
		header[f.Name] = f.Values
	}
}

// dropsCredentials reports whether the tenant and the client get no credentials of each
// other. On a public path, the tenant would otherwise answer every page as the user, and
// could replace the session of a user whom it does not recognize.
func (x *exchange) dropsCredentials() bool { return x.cors == cors.Public }

// isTenantField reports whether a response keeps a field of the tenant's, by its
// canonical name.
func (x *exchange) isTenantField(name string) bool {
	return x.cors == cors.Kept || !fields.IsCORS(name) && !(name == "Set-Cookie" && x.dropsCredentials())
}

// stripTenantFields removes from the header of a response what isTenantField excludes.
func (x *exchange) stripTenantFields(header http.Header) {
	if x.cors == cors.Kept {
		return
	}
	fields.StripCORS(header)
	if x.dropsCredentials() {
		delete(header, "Set-Cookie")
	}
}
