package main

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"originwarden/api"
	"originwarden/cmd/originwarden/config"
	"originwarden/metrics"
	"originwarden/origins"
	"originwarden/proxy"
)

// handlers are what answers at a service's two addresses, and who observes it.
type handlers struct {
	gateway *proxy.Gateway
	running *inFlight // in front of gateway
	admin   *admin
	metrics *metrics.Metrics
}

// handlers returns what answers for the tenants at an address, and for the
// operators.
func (s *service) handlers(at net.Addr) (*handlers, error) {
	built := thisBuild()
	observed := metrics.New(metrics.Config{Tenants: s.labelled(), Lists: s.lists, Version: built.version, Revision: built.commit})
	access := newAccessLog(s.log, s.cfg.Log.Access)
	tenants, err := s.tenants(at, s.api(observed))
	if err != nil {
		return nil, err
	}
	gateway, err := proxy.New(proxy.Config{
		Tenants:           tenants,
		Lists:             s.lists,
		CORS:              s.cors(),
		TrustedProxies:    s.trustedProxies(),
		URLBytes:          int(s.cfg.Limits.URLBytes),
		BodyBytes:         int64(s.cfg.Limits.BodyBytes),
		InFlightPerTenant: s.cfg.Limits.InFlightPerTenant,
		Timeouts:          s.timeouts(),
		Observe: func(x *proxy.Exchange) {
			observed.Observe(x)
			access.observe(x)
		},
		ErrorLog: linesOf(s.log, "forwarding"),
	})
	if err != nil {
		return nil, err
	}
	running := &inFlight{handler: gateway}
	observed.Watch(gateway.Tunnels, running.count)
	operators := &admin{metrics: observed.Handler(), ready: s.ready, contract: contract(api.OpenAPI())}
	return &handlers{gateway, running, operators, observed}, nil
}

func (s *service) timeouts() proxy.Timeouts {
	t := s.cfg.Timeouts
	return proxy.Timeouts{
		Progress:          time.Duration(t.BodyProgress),
		Connect:           time.Duration(t.UpstreamConnect),
		Response:          time.Duration(t.UpstreamResponse),
		Idle:              time.Duration(t.Idle),
		WebSocketIdle:     time.Duration(t.WebSocketIdle),
		WebSocketLifetime: time.Duration(t.WebSocketLifetime),
	}
}

// labelled are the tenants with a label of their own.
func (s *service) labelled() []string {
	var ids []string
	for _, t := range s.cfg.Tenants[:min(s.cfg.Metrics.Tenants, len(s.cfg.Tenants))] {
		ids = append(ids, t.ID)
	}
	return ids
}

func (s *service) cors() proxy.CORS {
	c := s.cfg.CORS
	return proxy.CORS{
		Credentials:   c.Credentials,
		Methods:       c.Methods,
		ExposeHeaders: c.ExposeHeaders,
		MaxAge:        time.Duration(c.MaxAge),
	}
}

func (s *service) trustedProxies() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, network := range s.cfg.TrustedProxies {
		prefixes = append(prefixes, network.Prefix)
	}
	return prefixes
}

// tenants are those of the configuration, with the API where it is served.
func (s *service) tenants(at net.Addr, lists *api.API) ([]proxy.Tenant, error) {
	_, port, _ := net.SplitHostPort(at.String())
	tenants := make([]proxy.Tenant, len(s.cfg.Tenants))
	for i := range tenants {
		t := &s.cfg.Tenants[i]
		upstreamTLS, err := t.UpstreamTLS.Load()
		if err != nil {
			return nil, fmt.Errorf("reading the TLS files of tenant %s: %w", t.ID, err)
		}
		tenants[i] = proxy.Tenant{
			ID:          t.ID,
			Hosts:       t.Hosts,
			Upstream:    t.Upstream.URL,
			UpstreamTLS: upstreamTLS,
			Mode:        proxy.Mode(t.Mode),
			Policy:      s.policy(t, port),
			Debug:       t.Debug,
		}
		if t.API {
			tenants[i].API = lists.Tenant(t.ID)
		}
	}
	return tenants, nil
}

// api is the lists' API of all tenants.
func (s *service) api(observed *metrics.Metrics) *api.API {
	cfg := s.cfg.API
	return api.New(api.Config{
		Store:      s.store,
		Lists:      s.lists,
		Tokens:     s.tokens,
		OIDC:       api.OIDC(cfg.OIDC),
		RateLimits: api.RateLimits(cfg.RateLimits),
		Limits:     api.Limits{Origins: cfg.Limits.Origins, Body: int64(cfg.Limits.Body)},
		Timeout:    time.Duration(s.cfg.Store.Timeout),
		Log:        s.logAPI,
		Observe: func(o api.Outcome) {
			observed.ObserveAPI(o)
			s.logRefusedToken(o)
		},
	})
}

func (s *service) policy(t *config.Tenant, port string) origins.Policy {
	return origins.Policy{
		PublicOrigins:    t.PublicAt(s.scheme(), port),
		RequireOrigin:    origins.Requirement(t.RequireOrigin),
		PostFromAnywhere: t.PostFromAnywhere,
		Methods:          s.cfg.CORS.Methods,
		RequestHeaders:   s.cfg.CORS.RequestHeaders,
	}
}

// scheme is what browsers that reach the listener directly speak.
func (s *service) scheme() string {
	if s.cfg.TLS.Enabled() {
		return "https"
	}
	return "http"
}
