package proxy

import (
	"net/http"
	"net/netip"
	"strings"
)

// trustedProxies are the networks of the proxies in front of the gateway.
type trustedProxies []netip.Prefix

func (t trustedProxies) trust(addr netip.Addr) bool {
	for _, prefix := range t {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// sender tells who sent r: the peer of the connection, the client behind
// trusted proxies, and the scheme that the client used.
func (t trustedProxies) sender(r *http.Request) (peer, client netip.Addr, scheme string) {
	scheme = "http"
	if r.TLS != nil {
		scheme = "https"
	}
	peer = parseAddr(r.RemoteAddr)
	if !t.trust(peer) {
		return peer, peer, scheme
	}
	return peer, t.client(r.Header["X-Forwarded-For"], peer), forwardedScheme(r.Header["X-Forwarded-Proto"], scheme)
}

// client is the rightmost untrusted address of X-Forwarded-For: what stands
// left of it, that client may have written itself.
func (t trustedProxies) client(lines []string, peer netip.Addr) netip.Addr {
	client := peer
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var element string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, element = rest[:comma], rest[comma+1:]
			} else {
				element, more = rest, false
			}
			addr := parseAddr(strings.Trim(element, " \t"))
			if !addr.IsValid() {
				return client
			}
			if client = addr; !t.trust(addr) {
				return client
			}
		}
	}
	return client
}

// forwardedScheme reads X-Forwarded-Proto. Some proxies write wss for a
// WebSocket. A proxy that appends has written the rightmost value, as of
// X-Forwarded-For; what stands left of it, the client may have.
func forwardedScheme(lines []string, otherwise string) string {
	switch strings.ToLower(rightmost(lines)) {
	case "https", "wss":
		return "https"
	case "http", "ws":
		return "http"
	}
	return otherwise
}

// rightmost is the last element of comma-separated lines, or "".
func rightmost(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.Trim(last[strings.LastIndexByte(last, ',')+1:], " \t")
}

// parseAddr reads an address with or without port; what is neither is the zero
// Addr.
func parseAddr(s string) netip.Addr {
	if addrPort, err := netip.ParseAddrPort(s); err == nil {
		return addrPort.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
