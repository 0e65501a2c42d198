package proxy

import "crypto/tls"

// RenewTLS has new connections to the upstream of a tenant use config, which is
// not nil, in place of its UpstreamTLS. Older connections are closed when no
// request uses them, and tunnels go on. No TLS session is resumed, so that
// certificates are shown and verified again.
//
// A tenant that is unknown, or has no UpstreamTLS, stays as it is. RenewTLS may
// be called while requests are answered, but not beside TakeOver.
func (g *Gateway) RenewTLS(tenant string, config *tls.Config) {
	t := g.hosts.byID[tenant]
	if t == nil || t.UpstreamTLS == nil {
		return
	}
	t.transport.Swap(g.hosts.transports.of(t.Upstream, config)).retire()
}
