package proxy

import (
	"cmp"
	"context"
	"net/http/httputil"
	"net/url"

	"originwarden/clientaddr"
	"originwarden/proxy/upstream"
)

// settings are a Config with what is derived from it. They are immutable: an
// exchange keeps those that it began with.
type settings struct {
	Config
	hosts     hosts
	upstreams map[upstream.Route]*upstream.Upstream // of all tenants
	stamps    stamps
	trusted   clientaddr.Proxies
	forward   *httputil.ReverseProxy
}

// compile returns the settings of cfg, or every mistake in its tenants at once.
// Of the settings before, it takes over the upstreams and what is counted.
func compile(cfg Config, before *settings) (*settings, error) {
	s := &settings{
		Config:    cfg,
		upstreams: map[upstream.Route]*upstream.Upstream{},
		stamps:    newStamps(cfg.CORS),
		trusted:   cfg.TrustedProxies,
		forward:   newForwarder(cfg.ErrorLog),
	}
	s.fillHooks()
	return s, s.addTenants(before)
}

func (s *settings) fillHooks() {
	if s.Observe == nil {
		s.Observe = func(context.Context, *Exchange) {}
	}
	if s.Opened == nil {
		s.Opened = func(context.Context, *Exchange) {}
	}
	if s.Relayed == nil {
		s.Relayed = func(string, int, int) {}
	}
}

// upstreamOf returns the way to the upstream of a tenant: the one before, if there
// is one for its route. Tenants with the same route share it.
func (s *settings) upstreamOf(t *Tenant, before *settings) *upstream.Upstream {
	to := cmp.Or(t.Upstream, new(url.URL)) // a tenant without is unreachable
	route := upstream.Route{Scheme: to.Scheme, Host: to.Host, TLS: t.UpstreamTLS,
		Connect: s.Timeouts.Connect, Response: s.Timeouts.Response, Idle: s.Timeouts.Idle}
	known := cmp.Or(s.upstreams[route], before.upstreams[route])
	if known == nil {
		known = upstream.New(route)
	}
	s.upstreams[route] = known
	return known
}
