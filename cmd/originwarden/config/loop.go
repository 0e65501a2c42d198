package config

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// loops refuses upstreams that are addresses of the gateway itself. Names but
// localhost are not looked up: what they lead to is known when a request comes
// back.
func (c *checker) loops() {
	for i, t := range c.Tenants {
		if t.Upstream.URL == nil {
			continue
		}
		port := cmp.Or(t.Upstream.Port(), map[string]string{"http": "80", "https": "443"}[t.Upstream.Scheme])
		for _, own := range []struct{ key, address string }{{"listen", c.Listen}, {"admin.listen", c.Admin.Listen}} {
			host, ownPort, err := net.SplitHostPort(own.address)
			if err != nil || port != ownPort || !reaches(t.Upstream.Hostname(), host) {
				continue
			}
			at := element("tenants", i) + ".upstream"
			c.at(at, "%s: %s is the gateway itself: %s is %s", at, quote(t.Upstream.String()), own.key, quote(own.address))
		}
	}
}

// reaches reports whether a connection to host comes to who listens at an
// address, on any address of this machine if that is empty or unspecified.
func reaches(host, listener string) bool {
	everywhere := listener == "" || slices.ContainsFunc(addressesOf(listener), netip.Addr.IsUnspecified)
	for _, addr := range addressesOf(host) {
		switch {
		case everywhere && isOwn(addr), slices.Contains(addressesOf(listener), addr):
			return true
		case addr.IsUnspecified() && slices.ContainsFunc(addressesOf(listener), netip.Addr.IsLoopback):
			return true // which is where net.Dial takes it
		}
	}
	return strings.EqualFold(host, listener)
}

// addressesOf are those of an address or of localhost; none of another name.
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

// isOwn reports whether addr is one of this machine.
func isOwn(addr netip.Addr) bool {
	if addr.IsLoopback() || addr.IsUnspecified() {
		return true
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return isSource(addr)
	}
	return slices.ContainsFunc(all, func(own net.Addr) bool {
		prefix, err := netip.ParsePrefix(own.String())
		return err == nil && prefix.Addr().Unmap() == addr
	})
}

// isSource reports whether a connection to addr would come from addr, and sends
// nothing. It is for services that may not list the machine's addresses, which
// takes a netlink socket on Linux.
func isSource(addr netip.Addr) bool {
	const anyPort = 9
	socket, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, anyPort)))
	if err != nil {
		return false
	}
	defer socket.Close()
	return socket.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap() == addr
}
