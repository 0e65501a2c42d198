package fields

import "strings"

// IsHopByHop reports whether a field, by its canonical name, concerns one connection
// alone, as RFC 9110, section 7.6.1, and httputil.ReverseProxy have it.
func IsHopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// KeptTrailers returns the names in lines of Trailer as one line, or "" if there are
// none or too many. With strip it leaves out CORS fields.
func KeptTrailers(lines []string, strip bool) string {
	if areTooMany(lines) {
		return ""
	}
	if strip {
		return withoutCORS(lines)
	}
	return strings.Join(lines, ", ")
}
