package proxy

import (
	"strings"

	"originwarden/origins"
)

// isOwnHost reports whether an origin was refused that has the host and the port
// that its request was sent to. Browsers send Origin for the tenant's own pages
// too: with POST, and for scripts that are marked crossorigin. It stays refused,
// because a page that rebinds its name has that host as well; only the operator
// knows the tenant's own addresses.
func isOwnHost(reason origins.Reason, origin, host string) bool {
	if reason != origins.OriginNotListed && reason != origins.OriginNotInWebIntegration {
		return false
	}
	scheme, authority, _ := strings.Cut(origin, "://")
	elided := ""
	switch scheme {
	case "http":
		elided = "80"
	case "https":
		elided = "443"
	default:
		return false
	}
	name := canonicalHost(host)
	return name != "" && name == canonicalHost(authority) && portOf(host, elided) == portOf(authority, elided)
}

// portOf is the port of a host that is one, or what stands for none.
func portOf(host, elided string) string {
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') && colon < len(host)-1 {
		return host[colon+1:]
	}
	return elided
}

// refusal is the answer to the request, which was refused by the decision.
func (x *exchange) refusal() *problem {
	p := refusalOf(x.Decision)
	if x.OwnHost {
		p.detail += ownHostDetail
	}
	return p
}

const ownHostDetail = " It has the host that the request was sent to: if that is an address of the tenant itself, and only then, its operator adds the origin to public_origins."
