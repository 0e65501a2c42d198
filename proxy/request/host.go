package request

import (
	"net/netip"
	"strings"
)

// HostName returns the name in a Host header (RFC 9110, section 7.2), in lower case
// and without port, brackets and one trailing dot, or "" if host is not a host.
func HostName(host string) string {
	name, port, hasPort := host, "", false
	if strings.HasPrefix(host, "[") {
		inner, behind, closed := strings.Cut(host[1:], "]")
		if addr, err := netip.ParseAddr(inner); !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
			return ""
		}
		name = inner
		if behind, port, hasPort = strings.Cut(behind, ":"); behind != "" {
			return ""
		}
	} else if name, port, hasPort = strings.Cut(host, ":"); strings.ContainsFunc(name, isForbidden) {
		return ""
	}
	if hasPort && strings.Trim(port, "0123456789") != "" {
		return ""
	}
	return NormalizeName(name)
}

// NormalizeName returns the form that HostName returns of a name without port and
// brackets.
func NormalizeName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// isForbidden reports whether c is a forbidden domain code point (URL), or not
// ASCII.
func isForbidden(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune(`#%/:<>?@[\]^|`, c)
}

// IsSentToOrigin reports whether the origin, a value of Origin, has the host and port
// of a request with this Host. Only http and https have a default port; of other schemes
// it is false.
func IsSentToOrigin(origin, host string) bool {
	scheme, authority, _ := strings.Cut(origin, "://")
	defaultPort := ""
	switch scheme {
	case "http":
		defaultPort = "80"
	case "https":
		defaultPort = "443"
	}
	name := HostName(host)
	return defaultPort != "" && name != "" && name == HostName(authority) && portOf(host, defaultPort) == portOf(authority, defaultPort)
}

// portOf returns the port of a valid host, or defaultPort if it has none.
func portOf(host, defaultPort string) string {
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') && colon < len(host)-1 {
		return host[colon+1:]
	}
	return defaultPort
}
