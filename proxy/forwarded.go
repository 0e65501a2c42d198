package proxy

import (
	"cmp"
	"strings"

	"originwarden/proxy/fields"
	"originwarden/proxy/request"
)

// addedFields returns the fields that the gateway adds to a request to a tenant, in
// place of the client's. The tenant gets them even if Connection names them.
func (x *exchange) addedFields(room []field) []field {
	x.forwarded = [...]string{x.forwardedFor(), x.in.Host, x.scheme}
	return append(room[:0],
		field{Name: "X-Forwarded-For", Values: x.forwarded[0:1:1]},
		field{Name: "X-Forwarded-Host", Values: x.forwarded[1:2:2]},
		field{Name: "X-Forwarded-Proto", Values: x.forwarded[2:3:3]},
		field{Name: "Traceparent", Values: x.traceparent[:]},
		field{Name: fields.Loop, Values: x.tenant.mark.After(x.in.Fields.Values(fields.Loop))},
	)
}

// hostForTenant returns the Host that the tenant gets.
func (x *exchange) hostForTenant() string { return cmp.Or(x.tenant.host, x.in.Host) }

// targetForTenant returns the target that the tenant gets.
func (x *exchange) targetForTenant() request.Target { return x.in.Target().Below(x.tenant.prefix) }

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
