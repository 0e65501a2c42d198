package proxy

import (
	"cmp"
	"crypto/tls"
	"net/http/httputil"
	"net/url"
	"slices"

	"originwarden/envelope/clientaddr"
	"originwarden/proxy/cors"
	"originwarden/proxy/hosts"
	"originwarden/proxy/upstream"
)

// settings are a Config with what is derived from it. They are immutable: an
// exchange keeps those that it began with.
type settings struct {
	Config
	hosts     *hosts.Table[tenant]
	upstreams upstream.Set           // of all tenants
	policies  map[*CORS]*cors.Policy // of all tenants; changed by compileTenant
	trusted   clientaddr.Proxies
	forward   *httputil.ReverseProxy
}

// compile returns the settings of cfg, or every mistake in its tenants at once.
// It takes over the upstreams and the counts of the previous settings.
func compile(cfg Config, previous *settings) (*settings, error) {
	s := &settings{
		Config:   cfg,
		policies: map[*CORS]*cors.Policy{},
		trusted:  cfg.TrustedProxies,
		forward:  newForwarder(cfg.ErrorLog),
	}
	return s, s.addTenants(previous)
}

// corsOf returns the CORS policy of a tenant. Tenants with the same CORS share one.
func (s *settings) corsOf(t *Tenant) *cors.Policy {
	config := cmp.Or(t.CORS, &s.CORS)
	if s.policies[config] == nil {
		s.policies[config] = cors.New(*config)
	}
	return s.policies[config]
}

// setUpstream sets where a tenant's requests go. Tenants with the same route share an
// upstream, and a route keeps that of the previous settings, which may be nil.
func (s *settings) setUpstream(t *tenant, previous *settings) {
	to := cmp.Or(t.Upstream, new(url.URL)) // a tenant without an upstream gets nothing
	route := upstream.RouteTo(to)
	route.TLS = t.UpstreamTLS
	route.Connect, route.Response, route.Idle = s.Timeouts.Connect, s.Timeouts.Response, s.Timeouts.Idle
	var before *upstream.Set
	if previous != nil {
		before = &previous.upstreams
	}
	t.upstream, t.prefix = s.upstreams.Of(route, before), upstream.Prefix(to)
	if t.HostOfUpstream {
		t.host = upstream.Host(to)
	}
}

// Reconfigure uses cfg from now on, or returns every mistake in its tenants
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
	previous := g.settings.Load()
	next, err := compile(cfg, previous)
	if err != nil {
		return err
	}
	g.settings.Store(next)
	previous.upstreams.RetireFor(&next.upstreams)
	return nil
}

// RenewTLS replaces old by renewed in the tenants that use it. Neither is nil. Those of
// Config.Directory have it already. Older connections are closed when no request uses
// them, and tunnels stay open. No TLS session is resumed, so that certificates are sent
// and verified again.
func (g *Gateway) RenewTLS(old, renewed *tls.Config) {
	g.reconfiguring.Lock()
	defer g.reconfiguring.Unlock()
	cfg := g.settings.Load().Config
	cfg.Tenants = slices.Clone(cfg.Tenants)
	for i := range cfg.Tenants {
		if t := &cfg.Tenants[i]; t.UpstreamTLS == old {
			t.UpstreamTLS = renewed
		}
	}
	g.swapSettings(cfg) // the same tenants have no mistakes
}
