package proxy

import (
	"strings"

	"originwarden/proxy/fields"
)

// addedFields returns the fields that the gateway adds to a request to a tenant, in
// place of the client's. The tenant gets them even if Connection names them.
func (x *exchange) addedFields(room []field) []field {
	return append(room[:0],
		field{Name: "X-Forwarded-For", Values: []string{x.forwardedFor()}},
		field{Name: "X-Forwarded-Host", Values: []string{x.in.Host}},
		field{Name: "X-Forwarded-Proto", Values: []string{x.scheme}},
		field{Name: "Traceparent", Values: x.traceparent[:]},
		field{Name: fields.Loop, Values: x.tenant.mark.After(x.in.Fields.Values(fields.Loop))},
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
