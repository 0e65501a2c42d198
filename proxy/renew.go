package proxy

import "crypto/tls"

// RenewTLS has new connections to the upstream of a tenant use config in the
// place of its UpstreamTLS, which is not nil. Connections of before are closed when no request
// uses them, and tunnels go on. Nothing of a session of before is resumed, so
// that what was shown and believed then counts for nothing.
//
// A tenant that is unknown, or has no UpstreamTLS, stays as it is. It may be
// called while requests are answered, but not beside TakeOver.
func (g *Gateway) RenewTLS(tenant string, config *tls.Config) {
	t := g.hosts.byID[tenant]
	if t == nil || t.UpstreamTLS == nil {
		return
	}
	t.transport.Swap(g.hosts.transports.of(t.Upstream, config)).retire()
}
