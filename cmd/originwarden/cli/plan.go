package cli

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/api/refusals"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/tracing"
	"originwarden/metrics"
	"originwarden/origins"
	"originwarden/proxy"
)

// plan is what a generation is made by: a configuration, beside what outlives
// it.
type plan struct {
	*service
	cfg      *config.Config // in the place of the service's own
	at       net.Addr       // where tenants' traffic arrives
	api      *api.API
	observed *metrics.Metrics
	access   *logs.AccessLog
	tracing  *tracing.Tracer // nil without a collector
}

// generation is what answers by one configuration.
type generation struct {
	cfg     *config.Config
	gateway *proxy.Gateway
	handler http.Handler // gateway, with spans
	// upstreamTLS changes while the generation serves.
	upstreamTLS upstreamTLSs
}

// generation returns what is planned. Its gateway is that of the generation
// before, which serves by the new configuration from then on, or a new one.
func (p *plan) generation(before *generation) (*generation, error) {
	secured, err := loadUpstreamTLS(p.cfg)
	if err != nil {
		return nil, err
	}
	p.warnOfEveryHost()
	p.warnOfTenants()
	p.warnOfCertificates()
	settings := p.gateway(p.tenants(secured))
	var gateway *proxy.Gateway
	if before == nil {
		gateway, err = proxy.New(settings)
	} else {
		gateway = before.gateway
		err = gateway.Reconfigure(settings)
	}
	return &generation{p.cfg, gateway, p.tracing.Handler(gateway, p.cfg, trustedProxies(p.cfg)), secured}, err
}

// first makes what outlives a configuration, and returns the first generation.
func (p *plan) first() (*generation, error) {
	var err error
	if p.api, err = p.newAPI(); err != nil {
		return nil, err
	}
	return p.generation(nil)
}

func (p *plan) gateway(tenants []proxy.Tenant) proxy.Config {
	return proxy.Config{
		Tenants:           tenants,
		Lists:             p.lists,
		CORS:              p.cors(),
		OnLoopback:        isLoopback(p.at),
		TrustedProxies:    trustedProxies(p.cfg),
		URLBytes:          int(p.cfg.Limits.URLBytes),
		BodyBytes:         int64(p.cfg.Limits.BodyBytes),
		InFlightPerTenant: p.cfg.Limits.InFlightPerTenant,
		Timeouts:          p.timeouts(),
		Observe: func(ctx context.Context, x *proxy.Exchange) {
			p.tracing.Observe(ctx, x)
			p.observed.Observe(x)
			p.remember(x)
			p.upstreams.observe(x)
			p.access.Observe(x)
		},
		Opened:   p.tracing.Observe,
		Relayed:  p.observed.Relayed,
		Sampled:  float64(p.cfg.Tracing.Sample),
		ErrorLog: logs.LinesOf(p.log, "forwarding"),
	}
}

// remember keeps what was decided against, for those who wonder what broke.
func (s *service) remember(x *proxy.Exchange) {
	if x.Verdict != origins.Refused || x.Decision == 0 {
		return
	}
	s.refusals.Record(x.Tenant, refusals.Request{Origin: x.Origin, Reason: x.Decision, Path: x.Path, OwnHost: x.OwnHost, Time: x.Start})
}

func (p *plan) timeouts() proxy.Timeouts {
	t := p.cfg.Timeouts
	return proxy.Timeouts{
		Progress:          time.Duration(t.BodyProgress),
		Connect:           time.Duration(t.UpstreamConnect),
		Response:          time.Duration(t.UpstreamResponse),
		Idle:              time.Duration(t.Idle),
		WebSocketIdle:     time.Duration(t.WebSocketIdle),
		WebSocketLifetime: time.Duration(t.WebSocketLifetime),
	}
}

func (p *plan) cors() proxy.CORS {
	c := p.cfg.CORS
	return proxy.CORS{
		Credentials:   c.Credentials,
		Methods:       c.Methods,
		ExposeHeaders: c.ExposeHeaders,
		MaxAge:        time.Duration(c.MaxAge),
	}
}

// tenants are those of the configuration, with the API where it is served.
func (p *plan) tenants(secured upstreamTLSs) []proxy.Tenant {
	_, port, _ := net.SplitHostPort(p.at.String())
	tenants := make([]proxy.Tenant, len(p.cfg.Tenants))
	for i := range tenants {
		t := &p.cfg.Tenants[i]
		tenants[i] = proxy.Tenant{
			ID:          t.ID,
			Hosts:       t.Hosts,
			Upstream:    t.Upstream.URL,
			UpstreamTLS: secured[t.UpstreamTLS].load(),
			Mode:        proxyMode(t.Mode),
			Policy:      p.policy(t, port),
			Debug:       t.Debug,
		}
		if t.API {
			tenants[i].API, tenants[i].Owns = p.api.Tenant(t.ID), api.Owns
		}
	}
	return tenants
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

func (p *plan) policy(t *config.Tenant, port string) origins.Policy {
	return origins.Policy{
		PublicOrigins:    t.PublicAt(p.scheme(), port),
		RequireOrigin:    origins.Requirement(t.RequireOrigin),
		PostFromAnywhere: t.PostFromAnywhere,
		Methods:          p.cfg.CORS.Methods,
		RequestHeaders:   p.cfg.CORS.RequestHeaders,
	}
}

// scheme is what browsers that reach the listener directly speak.
func (p *plan) scheme() string {
	if p.cfg.TLS.Enabled() {
		return "https"
	}
	return "http"
}

// newAPI returns the lists' API of all tenants, which serves by every
// configuration that follows.
func (p *plan) newAPI() (*api.API, error) {
	settings, err := p.apiSettings(p.cfg)
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Settings: settings,
		Store:    p.store,
		Lists:    p.lists,
		Refusals: &p.refusals,
		Log:      p.logAPI,
		Observe: func(ctx context.Context, o api.Outcome) {
			proxy.Attach(ctx, &o)
			p.observed.ObserveAPI(o)
			p.logRefusedToken(o)
		},
	}), nil
}

// apiSettings returns the settings of the API by a configuration.
func (s *service) apiSettings(cfg *config.Config) (api.Settings, error) {
	tokens, err := s.tokens(cfg)
	return api.Settings{
		Auth:    auth.Settings{Tokens: tokens, OIDC: auth.OIDC(cfg.API.OIDC), RateLimits: auth.RateLimits(cfg.API.RateLimits)},
		Limits:  api.Limits{Origins: cfg.API.Limits.Origins, Body: int64(cfg.API.Limits.Body)},
		Timeout: time.Duration(cfg.Store.Timeout),
	}, err
}

func trustedProxies(cfg *config.Config) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, network := range cfg.TrustedProxies {
		prefixes = append(prefixes, network.Prefix)
	}
	return prefixes
}

// labelled are the tenants with a label of their own.
func labelled(cfg *config.Config) []string {
	var ids []string
	for _, t := range cfg.Tenants[:min(cfg.Metrics.Tenants, len(cfg.Tenants))] {
		ids = append(ids, t.ID)
	}
	return ids
}
