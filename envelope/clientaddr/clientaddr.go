// Package clientaddr identifies clients by address, also behind trusted proxies.
package clientaddr

import (
	"net/netip"
	"slices"
	"strings"
)

// Parse returns the address of s, with or without a port, and without a zone. An
// IPv4-mapped address is IPv4. If s is not an address, the result is the zero
// Addr.
func Parse(s string) netip.Addr {
	if addrPort, err := netip.ParseAddrPort(s); err == nil {
		return addrPort.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// Network returns what counts as one client: an IPv4 address, or the /64 of an
// IPv6 address, since one host has at least that. That of the zero Addr is the
// zero Prefix.
func Network(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	network, _ := addr.Prefix(bits)
	return network
}

// Proxies are the networks of the trusted proxies.
type Proxies []netip.Prefix

// Contains reports whether addr, from Parse, is a trusted proxy.
func (p Proxies) Contains(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// Client returns the client behind a trusted peer: the rightmost address in the
// lines of X-Forwarded-For that is not a trusted proxy. The client may have
// written what stands left of it. If all are trusted it is the leftmost, and if
// an element is not an address, the one right of it.
func (p Proxies) Client(peer netip.Addr, forwardedFor []string) netip.Addr {
	client := peer
	for _, line := range slices.Backward(forwardedFor) {
		for more := true; more; {
			var element string
			line, element, more = cutLast(line)
			addr := Parse(strings.Trim(element, " \t"))
			if !addr.IsValid() {
				return client
			}
			if client = addr; !p.Contains(addr) {
				return client
			}
		}
	}
	return client
}

// cutLast cuts s at its last comma.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ',')
	return s[:max(i, 0)], s[i+1:], i >= 0
}
