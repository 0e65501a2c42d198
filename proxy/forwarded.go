package proxy

import (
	"net/http"
	"net/netip"
	"strings"

	"originwarden/envelope/clientaddr"
)

// clientOf returns the peer of r's connection, the client behind trusted proxies,
// and the scheme that the client used.
func clientOf(r *http.Request, trusted clientaddr.Proxies) (peer, client netip.Addr, scheme string) {
	scheme = "http"
	if r.TLS != nil {
		scheme = "https"
	}
	peer = clientaddr.Parse(r.RemoteAddr)
	if !trusted.Contains(peer) {
		return peer, peer, scheme
	}
	return peer, trusted.Client(peer, r.Header["X-Forwarded-For"]), forwardedScheme(r.Header["X-Forwarded-Proto"], scheme)
}

// forwardedScheme returns the scheme in X-Forwarded-Proto. Some proxies write wss
// for a WebSocket. A proxy that appends has written the rightmost value; the client
// may have written the others.
func forwardedScheme(lines []string, fallback string) string {
	switch strings.ToLower(rightmost(lines)) {
	case "https", "wss":
		return "https"
	case "http", "ws":
		return "http"
	}
	return fallback
}

// rightmost returns the last element of comma-separated lines, or "".
func rightmost(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.Trim(last[strings.LastIndexByte(last, ',')+1:], " \t")
}

// setForwarded sets X-Forwarded-For, -Host and -Proto. It keeps the X-Forwarded-For
// of a trusted proxy only.
func (x *exchange) setForwarded(header http.Header, in *http.Request) {
	chain := ""
	if x.peer.IsValid() {
		chain = x.peer.String()
	}
	if x.settings.trusted.Contains(x.peer) {
		if prior := strings.Join(in.Header["X-Forwarded-For"], ", "); prior != "" {
			chain = prior + ", " + chain
		}
	}
	header["X-Forwarded-For"] = []string{chain}
	header["X-Forwarded-Host"] = []string{in.Host}
	header["X-Forwarded-Proto"] = []string{x.scheme}
}
