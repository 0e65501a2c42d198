package main

import (
	"context"
	"fmt"

	"originwarden/cmd/originwarden/config"
	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/sqlite"
)

// openStore opens the store of a configuration. One on other machines need not
// be there; known is what was last seen of it.
func openStore(ctx context.Context, cfg *config.Config, known store.Position) (store.Store, error) {
	limits := store.Limits{Integrations: cfg.API.Limits.Integrations, Origins: cfg.API.Limits.TenantOrigins}
	if !cfg.Store.URL.Remote() {
		return sqlite.Open(ctx, sqlite.Options{Path: cfg.Store.URL.Path, Limits: limits})
	}
	password, err := cfg.Store.Etcd.Password()
	if err != nil {
		return nil, fmt.Errorf("reading the password of %s: %w", cfg.Store.URL, err)
	}
	secured, err := cfg.Store.Etcd.TLS()
	if err != nil {
		return nil, fmt.Errorf("reading the TLS files of %s: %w", cfg.Store.URL, err)
	}
	return etcd.Open(ctx, etcd.Options{
		Endpoints: cfg.Store.URL.Endpoints,
		Prefix:    cfg.Store.URL.Prefix,
		Username:  cfg.Store.Etcd.Username,
		Password:  password,
		TLS:       secured,
		Limits:    limits,
		Known:     known,
	})
}
