package server

import (
	"net"

	"originwarden/api"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/credentials"
	"originwarden/origins"
	"originwarden/proxy"
)

// tenants are those of a configuration, for the gateway. They are a proxy.Directory of
// the tenants in groups.
type tenants struct {
	config.Groups
	cfg          *config.Config
	upstreamTLS  credentials.Upstreams
	api          *api.API
	cors         map[*config.TenantCORS]*proxy.CORS // tenants that share one have the same policy
	scheme, port string                             // of browsers that reach the listener directly
}

func (s *Server) newTenants(cfg *config.Config, upstreamTLS credentials.Upstreams) *tenants {
	t := &tenants{Groups: cfg.Groups(), cfg: cfg, upstreamTLS: upstreamTLS, api: s.api, scheme: "http"}
	if cfg.TLS.Enabled() {
		t.scheme = "https"
	}
	_, t.port, _ = net.SplitHostPort(s.address.String())
	t.cors = map[*config.TenantCORS]*proxy.CORS{nil: nil}
	for i := range cfg.Tenants {
		if own := cfg.Tenants[i].CORS; t.cors[own] == nil && own != nil {
			policy := corsOf(own.Over(cfg.CORS))
			t.cors[own] = &policy
		}
	}
	return t
}

// single returns the tenants that are not in groups.
func (t *tenants) single() []proxy.Tenant {
	all := make([]proxy.Tenant, 0, len(t.cfg.Tenants)-len(t.Groups))
	for i := range t.cfg.Tenants {
		if configured := &t.cfg.Tenants[i]; !configured.IsGroup() {
			all = append(all, t.tenant(configured))
		}
	}
	return all
}

// directory returns t, or nil if there are no groups.
func (t *tenants) directory() proxy.Directory {
	if len(t.Groups) == 0 {
		return nil
	}
	return t
}

// Tenant implements proxy.Directory.
func (t *tenants) Tenant(index int) *proxy.Tenant {
	made := t.tenant(t.At(index))
	made.Hosts = nil
	return &made
}

// tenant returns a tenant, with the API if that is enabled.
func (t *tenants) tenant(configured *config.Tenant) proxy.Tenant {
	made := proxy.Tenant{
		ID:          configured.ID,
		Hosts:       configured.Hosts,
		Upstream:    configured.Upstream.URL,
		UpstreamTLS: t.upstreamTLS.TLS(configured),
		Mode:        proxyMode(configured.Mode),
		Policy:      t.policy(configured),
		CORS:        t.cors[configured.CORS],
		Debug:       configured.Debug,

		HostOfUpstream: configured.UpstreamHost == config.HostOfUpstream,
	}
	if configured.API {
		made.API, made.IsAPIPath = t.api.Tenant(configured.ID), api.Owns
	}
	return made
}

func (t *tenants) policy(configured *config.Tenant) origins.Policy {
	cors := configured.CORS.Over(t.cfg.CORS)
	return origins.Policy{
		PublicOrigins:    configured.PublicOriginsAt(t.scheme, t.port),
		Patterns:         origins.Patterns(configured.Patterns),
		RequireOrigin:    origins.Requirement(configured.RequireOrigin),
		PostFromAnywhere: configured.PostFromAnywhere,
		PublicPaths:      configured.PublicPaths,
		Methods:          cors.Methods,
		RequestHeaders:   cors.RequestHeaders,
	}
}

func proxyMode(configured config.Mode) proxy.Mode {
	switch configured {
	case config.Headers:
		return proxy.Headers
	case config.Report:
		return proxy.Report
	}
	return proxy.Enforce
}
