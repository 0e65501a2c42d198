// Package ownaddress knows which hosts are this machine. It looks up no names.
package ownaddress

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Reaches reports whether a connection to host reaches a listener at a host; an
// empty or unspecified one is every address of this machine.
func Reaches(host, listener string) bool {
	bound := addressesOf(listener)
	everywhere := listener == "" || slices.ContainsFunc(bound, netip.Addr.IsUnspecified)
	for _, addr := range addressesOf(host) {
		switch {
		case everywhere && isOwnAddress(addr), slices.Contains(bound, addr):
			return true
		case addr.IsUnspecified() && slices.ContainsFunc(bound, netip.Addr.IsLoopback):
			return true // net.Dial connects to loopback
		}
	}
	return strings.EqualFold(host, listener)
}

// addressesOf returns the addresses of host if it is an address, localhost or a
// name below it, in any case, and nil for any other name.
func addressesOf(host string) []netip.Addr {
	if name := strings.TrimSuffix(strings.ToLower(host), "."); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	return []netip.Addr{addr.Unmap().WithZone("")}
}

// isOwnAddress reports whether addr is one of this machine. It asks in two ways: a
// route can make an address local that no interface has, and a service may not list
// the interfaces, which takes a netlink socket on Linux.
func isOwnAddress(addr netip.Addr) bool {
	if addr.IsLoopback() || addr.IsUnspecified() || isSource(addr) {
		return true
	}
	all, _ := net.InterfaceAddrs()
	return slices.ContainsFunc(all, func(own net.Addr) bool {
		prefix, err := netip.ParsePrefix(own.String())
		return err == nil && prefix.Addr().Unmap() == addr
	})
}

// isSource reports whether a connection to addr would come from addr. Nothing is
// sent. It knows nothing of link-local addresses, which need a zone.
func isSource(addr netip.Addr) bool {
	const anyPort = 9
	socket, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, anyPort)))
	if err != nil {
		return false
	}
	defer socket.Close()
	return socket.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap() == addr
}
