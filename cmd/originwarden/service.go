package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"originwarden/api"
	"originwarden/cmd/originwarden/config"
	"originwarden/envelope"
	"originwarden/origins"
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
	if len(s.tokens) > 0 || s.cfg.API.OIDC.Issuer != "" {
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

// logRefusedToken says why an access token was not accepted, which its sender is
// not told. What it says may come from the token.
func (s *service) logRefusedToken(o api.Outcome) {
	if o.Refused == nil {
		return
	}
	if entry := s.log.Check(zap.DebugLevel, "an access token was refused"); entry != nil {
		entry.Write(zap.String("why", bounded(o.Refused.Error(), longestError)))
	}
}

func (s *service) logAPI(ctx context.Context, err error) {
	s.log.Error("the API could not answer", zap.String("trace_id", envelope.TraceID(ctx)), zap.String("error", bounded(err.Error(), longestError)))
}
