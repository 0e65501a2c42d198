package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"originwarden/api"
	"originwarden/cmd/originwarden/config"
	"originwarden/envelope"
	"originwarden/metrics"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// service is the gateway of a configuration with all that it works on: opened,
// but not listening yet.
type service struct {
	cfg   *config.Config
	log   *zap.Logger
	store store.Store
	lists *origins.Cache
	// tokens are those of the configuration, or the one of a file.
	tokens []api.Token
	ready  *readiness
	// changed is told of every tenant whose list has changed, once somebody
	// listens.
	changed func(tenant string)
}

// open opens the store and reads the lists. The service has to be closed.
func open(ctx context.Context, cfg *config.Config, log *zap.Logger) (*service, error) {
	opened, err := sqlite.Open(ctx, sqlite.Options{
		Path:   cfg.Store.URL.Path,
		Limits: store.Limits{Integrations: cfg.API.Limits.Integrations, Origins: cfg.API.Limits.TenantOrigins},
	})
	if err != nil {
		return nil, err
	}
	timeout := time.Duration(cfg.Store.Timeout)
	s := &service{
		cfg:   cfg,
		log:   log,
		store: opened,
		lists: origins.NewCache(origins.Bounds(cfg.Cache), store.Loader(opened, timeout)),
		ready: newReadiness(opened, timeout),

		changed: func(string) {},
	}
	s.lists.Changed = func(tenant string) { s.changed(tenant) }
	err = s.loadTokens()
	if err == nil {
		err = s.loadLists(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return s, nil
}

func (s *service) close() error { return s.store.Close() }

func (s *service) loadTokens() error {
	for _, t := range s.cfg.API.Tokens {
		s.tokens = append(s.tokens, api.Token{Subject: t.Subject, Tenant: t.Tenant, Role: api.Role(t.Role), SHA256: t.SHA256})
	}
	if len(s.tokens) > 0 {
		return nil
	}
	file, err := filepath.Abs(s.cfg.Store.URL.Path)
	if err != nil {
		return err
	}
	token, err := adminToken(filepath.Join(filepath.Dir(file), adminTokenName), s.log)
	s.tokens = []api.Token{token}
	return err
}

// loadLists fills the cache up to its bounds: beyond them a list would only put
// out another one.
func (s *service) loadLists(ctx context.Context) error {
	for i, t := range s.cfg.Tenants {
		if i == s.cfg.Cache.Tenants || s.lists.Stats().Origins >= s.cfg.Cache.Origins {
			break
		}
		if _, err := s.lists.List(ctx, t.ID); err != nil {
			return fmt.Errorf("reading the list of tenant %s from %s: %w", t.ID, s.cfg.Store.URL.Path, err)
		}
	}
	return nil
}

// handlers returns what answers on the tenants' address, which is at, and on
// the operators'.
func (s *service) handlers(at net.Addr) (*proxy.Gateway, *admin, error) {
	built := thisBuild()
	observed := metrics.New(metrics.Config{Tenants: s.labelled(), Lists: s.lists, Version: built.version, Revision: built.commit})
	access := newAccessLog(s.log, s.cfg.Log.Access)
	gateway, err := proxy.New(proxy.Config{
		Tenants:        s.tenants(at),
		Lists:          s.lists,
		CORS:           s.cors(),
		TrustedProxies: s.trustedProxies(),
		URLBytes:       int(s.cfg.Limits.URLBytes),
		Timeouts: proxy.Timeouts{
			Connect:  time.Duration(s.cfg.Timeouts.UpstreamConnect),
			Response: time.Duration(s.cfg.Timeouts.UpstreamResponse),
			Idle:     time.Duration(s.cfg.Timeouts.Idle),

			WebSocketIdle:     time.Duration(s.cfg.Timeouts.WebSocketIdle),
			WebSocketLifetime: time.Duration(s.cfg.Timeouts.WebSocketLifetime),
		},
		Observe: func(x *proxy.Exchange) {
			observed.Observe(x)
			access.observe(x)
		},
		ErrorLog: linesOf(s.log, "forwarding"),
	})
	return gateway, &admin{metrics: observed.Handler(), ready: s.ready}, err
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
func (s *service) tenants(at net.Addr) []proxy.Tenant {
	lists := api.New(api.Config{
		Store:   s.store,
		Lists:   s.lists,
		Tokens:  s.tokens,
		Limits:  api.Limits{Origins: s.cfg.API.Limits.Origins, Body: int64(s.cfg.API.Limits.Body)},
		Timeout: time.Duration(s.cfg.Store.Timeout),
		Log:     s.logAPI,
	})
	_, port, _ := net.SplitHostPort(at.String())
	tenants := make([]proxy.Tenant, len(s.cfg.Tenants))
	for i := range tenants {
		t := &s.cfg.Tenants[i]
		tenants[i] = proxy.Tenant{
			ID:       t.ID,
			Hosts:    t.Hosts,
			Upstream: t.Upstream.URL,
			Mode:     proxy.Mode(t.Mode),
			Policy:   s.policy(t, port),
		}
		if t.API {
			tenants[i].API = lists.Tenant(t.ID)
		}
	}
	return tenants
}

func (s *service) policy(t *config.Tenant, port string) origins.Policy {
	return origins.Policy{
		PublicOrigins:    t.PublicAt("http", port),
		RequireOrigin:    origins.Requirement(t.RequireOrigin),
		PostFromAnywhere: t.PostFromAnywhere,
		Methods:          s.cfg.CORS.Methods,
		RequestHeaders:   s.cfg.CORS.RequestHeaders,
	}
}

func (s *service) logAPI(ctx context.Context, err error) {
	s.log.Error("the API could not answer", zap.String("trace_id", envelope.TraceID(ctx)), zap.String("error", bounded(err.Error(), longestError)))
}
