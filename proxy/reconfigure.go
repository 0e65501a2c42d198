package proxy

import (
	"crypto/tls"
	"slices"
)

// Reconfigure serves by cfg from now on, or returns every mistake in its tenants
// at once and changes nothing. Exchanges that have begun keep the Config that they
// began with.
//
// A tenant keeps its requests in flight, its tunnels, and its connections if its
// upstream, its UpstreamTLS (the same pointer) and the timeouts that apply to them
// are the same. Other connections are closed when no request uses them. Every
// tunnel is decided on again; those of a tenant that is gone are closed.
func (g *Gateway) Reconfigure(cfg Config) error {
	g.reconfiguring.Lock()
	defer g.reconfiguring.Unlock()
	if err := g.swapSettings(cfg); err != nil {
		return err
	}
	g.tunnels.ReviewAll()
	return nil
}

// swapSettings is called with reconfiguring held.
func (g *Gateway) swapSettings(cfg Config) error {
	before := g.settings.Load()
	now, err := compile(cfg, before)
	if err != nil {
		return err
	}
	g.settings.Store(now)
	for route, upstream := range before.upstreams {
		if now.upstreams[route] != upstream {
			upstream.Retire()
		}
	}
	return nil
}

// RenewTLS has new connections to the upstreams of the tenants whose UpstreamTLS is
// old use now. Neither is nil. Older connections are closed when no request uses
// them, and tunnels stay open. No TLS session is resumed, so that certificates are
// shown and verified again.
func (g *Gateway) RenewTLS(old, now *tls.Config) {
	g.reconfiguring.Lock()
	defer g.reconfiguring.Unlock()
	cfg := g.settings.Load().Config
	cfg.Tenants = slices.Clone(cfg.Tenants)
	for i := range cfg.Tenants {
		if t := &cfg.Tenants[i]; t.UpstreamTLS == old {
			t.UpstreamTLS = now
		}
	}
	g.swapSettings(cfg) // the same tenants have no mistakes
}
