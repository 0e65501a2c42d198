package cli

import (
	"context"
	"fmt"

	"originwarden/cmd/originwarden/config"
	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/sqlite"
)

// openStore opens the store of a configuration. One on other machines need not
// be there; known is what was last seen of it. inUse is that of sqlite.Options.
func openStore(ctx context.Context, cfg *config.Config, known store.Position, inUse func() bool) (store.Store, error) {
	mustExist := cfg.Store.Create == config.CreateNever
	limits := store.Limits{Integrations: cfg.API.Limits.Integrations, Origins: cfg.API.Limits.TenantOrigins}
	if !cfg.Store.URL.Remote() {
		opened, err := sqlite.Open(ctx, sqlite.Options{Path: cfg.Store.URL.Path, MustExist: mustExist, Limits: limits, InUse: inUse})
		if err != nil {
			return nil, hinted(err)
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
		Known:     known,
	})
	if err != nil {
		return nil, err
	}
	remote := &etcdStore{Store: opened, cfg: cfg.Store}
	remote.access.Store(&access)
	return remote, nil
}

// readAccess reads the files by which a gateway gets into a cluster.
func readAccess(cfg config.Store) (etcd.Access, error) {
	password, err := cfg.Etcd.Password()
	if err != nil {
		return etcd.Access{}, fmt.Errorf("reading the password of %s: %w", cfg.URL, err)
	}
	secured, err := cfg.Etcd.TLS()
	if err != nil {
		return etcd.Access{}, fmt.Errorf("reading the TLS files of %s: %w", cfg.URL, err)
	}
	return etcd.Access{Username: cfg.Etcd.Username, Password: password, TLS: secured}, nil
}
