package proxy

import (
	"strings"

	"originwarden/proxy/fields"
)

// addedFields returns the fields that the gateway adds to a request to a tenant, in
// place of the client's. The tenant gets them even if Connection names them.
func (x *exchange) addedFields(room []field) []field {
	return append(room[:0],
		field{"X-Forwarded-For", []string{x.forwardedFor()}},
		field{"X-Forwarded-Host", []string{x.in.Host}},
		field{"X-Forwarded-Proto", []string{x.scheme}},
		field{"Traceparent", x.traceparent[:]},
		field{fields.Loop, x.tenant.mark.After(x.in.Fields.Values(fields.Loop))},
	)
}

// forwardedFor returns the addresses that the request came by. It keeps the
// X-Forwarded-For of a trusted proxy only.
func (x *exchange) forwardedFor() string {
	chain := ""
	if x.in.Peer.IsValid() {
		chain = x.in.Peer.String()
	}
	if x.settings.trusted.Contains(x.in.Peer) {
		if prior := strings.Join(x.in.Fields.Values("X-Forwarded-For"), ", "); prior != "" {
			return prior + ", " + chain
		}
	}
	return chain
}
