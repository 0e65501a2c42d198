package request

import (
	"net/netip"
	"strings"

	"originwarden/envelope/clientaddr"
)

// Sender returns the client, which may be behind trusted proxies, and the scheme that
// it used, "http" or "https". They are those of the peer unless that is one of trusted:
// then X-Forwarded-For and X-Forwarded-Proto count.
func (r *Request) Sender(trusted clientaddr.Proxies) (client netip.Addr, scheme string) {
	if !trusted.Contains(r.Peer) {
		return r.Peer, r.Scheme()
	}
	return trusted.Client(r.Peer, r.Fields.Values("X-Forwarded-For")), forwardedScheme(r.Fields.Values("X-Forwarded-Proto"), r.Scheme())
}

// ForwardedHost returns the host that the last proxy says the client has sent the
// request to (X-Forwarded-Host), or "". It does not check that Peer is a trusted proxy.
func (r *Request) ForwardedHost() string { return rightmost(r.Fields.Values("X-Forwarded-Host")) }

// forwardedScheme returns the scheme in X-Forwarded-Proto. Some proxies write wss
// for a WebSocket. A proxy that appends has written the rightmost value; the client
// may have written the others.
func forwardedScheme(lines []string, otherwise string) string {
	switch strings.ToLower(rightmost(lines)) {
	case "https", "wss":
		return "https"
	case "http", "ws":
		return "http"
	}
	return otherwise
}

// rightmost returns the last element of comma-separated lines, or "".
func rightmost(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.Trim(last[strings.LastIndexByte(last, ',')+1:], " \t")
}
