// Package stores opens the store that a configuration names.
package stores

import (
	"context"
	"path/filepath"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/sqlite"
)

// Open opens the store of a configuration. A remote store may be unreachable;
// known is its last known position. inUse is that of sqlite.Options.
func Open(ctx context.Context, cfg *config.Config, known store.Position, inUse func() bool) (store.Store, error) {
	mustExist := cfg.Store.Create == config.CreateNever
	limits := store.Limits{Integrations: cfg.API.Limits.Integrations, Origins: cfg.API.Limits.TenantOrigins}
	history := store.Retention{Records: cfg.History.Records, Age: time.Duration(cfg.History.Age)}
	if !cfg.Store.URL.Remote() {
		opened, err := sqlite.Open(ctx, sqlite.Options{Path: cfg.Store.URL.Path, MustExist: mustExist, Limits: limits, History: history, InUse: inUse})
		if err != nil {
			return nil, WithHint(err)
		}
		return opened, nil
	}
	access, err := readAccess(cfg.Store)
	if err != nil {
		return nil, err
	}
	opened, err := etcd.Open(ctx, etcd.Options{
		Endpoints: cfg.Store.URL.Endpoints,
		Prefix:    cfg.Store.URL.Prefix,
		Access:    access,
		MustExist: mustExist,
		Limits:    limits,
		History:   history,
		Known:     known,
	})
	if err != nil {
		return nil, err
	}
	remote := &Etcd{Store: opened, cfg: cfg.Store}
	remote.access.Store(&access)
	return remote, nil
}

// Name returns the URL of a store, with an absolute path.
func Name(u config.StoreURL) string {
	if path, err := filepath.Abs(u.Path); err == nil && !u.Remote() {
		u.Path = path
	}
	return u.String()
}
