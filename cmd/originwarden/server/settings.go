package server

import (
	"net/netip"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/credentials"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/tracing"
	"originwarden/console"
	"originwarden/origins"
	"originwarden/proxy"
)

// settings are what a reload replaces, beside those of the gateway and the API.
type settings struct {
	cfg         *config.Config
	tenants     []string // their ids
	upstreamTLS credentials.Upstreams
}

// apply puts cfg into force, or changes nothing.
func (s *Server) apply(cfg *config.Config) error {
	upstreamTLS, err := credentials.LoadUpstreams(cfg, s.current.Load().upstreamTLS)
	if err != nil {
		return err
	}
	if s.gateway == nil {
		s.gateway, err = proxy.New(s.proxyConfig(cfg, upstreamTLS))
	} else {
		err = s.gateway.Reconfigure(s.proxyConfig(cfg, upstreamTLS))
	}
	if err != nil {
		return err
	}
	s.current.Store(&settings{cfg, cfg.TenantIDs(), upstreamTLS})
	s.logWarnings(cfg)
	return nil
}

func (s *Server) proxyConfig(cfg *config.Config, upstreamTLS credentials.Upstreams) proxy.Config {
	tenants := s.newTenants(cfg, upstreamTLS)
	return proxy.Config{
		Tenants:           tenants.single(),
		Directory:         tenants.directory(),
		Lists:             s.lists,
		CORS:              corsOf(cfg.CORS),
		OnLoopback:        isLoopback(s.address),
		TrustedProxies:    trustedProxies(cfg),
		PrivateCookies:    console.CookieNames(),
		URLBytes:          int(cfg.Limits.URLBytes),
		BodyBytes:         int64(cfg.Limits.BodyBytes),
		InFlightPerTenant: cfg.Limits.InFlightPerTenant,
		Timeouts:          timeoutsOf(cfg.Timeouts),
		OnEnd:             s.observe,
		OnOpen:            tracing.Observe,
		OnRelay:           s.metrics.CountTunnelBytes,
		Trace:             s.tracer.Begin(cfg, trustedProxies(cfg)),
		Sampled:           float64(cfg.Tracing.Sample),
		ErrorLog:          logs.NewStdLogger(s.log, "forwarding"),
	}
}

func timeoutsOf(t config.Timeouts) proxy.Timeouts {
	return proxy.Timeouts{
		Progress:          time.Duration(t.BodyProgress),
		Connect:           time.Duration(t.UpstreamConnect),
		Response:          time.Duration(t.UpstreamResponse),
		Idle:              time.Duration(t.Idle),
		WebSocketIdle:     time.Duration(t.WebSocketIdle),
		WebSocketLifetime: time.Duration(t.WebSocketLifetime),
	}
}

func corsOf(c config.CORS) proxy.CORS {
	return proxy.CORS{Credentials: c.Credentials, Methods: c.Methods, ExposeHeaders: c.ExposeHeaders, MaxAge: time.Duration(c.MaxAge)}
}

func (s *Server) newAPI() (*api.API, error) {
	settings, err := s.apiSettings(s.started)
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Settings: settings,
		Store:    s.store,
		Lists:    s.lists,
		Refusals: s.refusals,
		Log:      s.logAPIFailure,
		Observe:  s.observeAPI,
	}), nil
}

func (s *Server) apiSettings(cfg *config.Config) (api.Settings, error) {
	tokens, err := s.tokens(cfg)
	return api.Settings{
		Auth:     auth.Settings{Tokens: tokens, OIDC: auth.OIDC(cfg.API.OIDC), RateLimits: auth.RateLimits(cfg.API.RateLimits)},
		Limits:   api.Limits{Origins: cfg.API.Limits.Origins, Body: int64(cfg.API.Limits.Body)},
		Patterns: patternsOf(cfg),
		Timeout:  time.Duration(cfg.Store.Timeout),
	}, err
}

// patternsOf returns the patterns that a tenant's entries may have.
func patternsOf(cfg *config.Config) func(tenant string) origins.Patterns {
	permitted, groups := map[string]origins.Patterns{}, cfg.Groups()
	for i := range cfg.Tenants {
		if t := &cfg.Tenants[i]; !t.IsGroup() {
			permitted[t.ID] = origins.Patterns(t.Patterns)
		}
	}
	return func(tenant string) origins.Patterns {
		if patterns, ok := permitted[tenant]; ok {
			return patterns
		}
		if i := groups.IndexOfID(tenant); i >= 0 {
			return origins.Patterns(groups.At(i).Patterns)
		}
		return origins.NoPatterns
	}
}

func trustedProxies(cfg *config.Config) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, network := range cfg.TrustedProxies {
		prefixes = append(prefixes, network.Prefix)
	}
	return prefixes
}

// labelled returns the tenants that have a metrics label of their own.
func labelled(cfg *config.Config) []string {
	ids := cfg.TenantIDs()
	return ids[:min(cfg.Metrics.Tenants, len(ids))]
}
