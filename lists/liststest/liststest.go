// Package liststest creates caches of lists for tests without a store.
package liststest

import (
	"context"
	"errors"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
)

// Loader returns a tenant's list.
type Loader func(ctx context.Context, tenant string) (*origins.List, error)

// New returns a cache that loads its lists by load. Bounds must be set in config.
func New(config lists.Config, load Loader) *lists.Cache {
	config.Store = source{load: load}
	if config.Timeout == 0 {
		config.Timeout = 24 * time.Hour
	}
	return lists.New(config)
}

// Apply changes a list as a write does.
func Apply(c *lists.Cache, change origins.Change) {
	_ = c.Write(context.Background(), change.Tenant, func(context.Context) (origins.Change, error) { return change, nil })
}

// Invalidate marks a list as invalid, as a write of unknown outcome does.
func Invalidate(c *lists.Cache, tenant string) {
	_ = c.Write(context.Background(), tenant, func(context.Context) (origins.Change, error) {
		return origins.Change{}, errors.New("the store is unreachable")
	})
}

// source implements only Load.
type source struct {
	lists.Store
	load Loader
}

// Load implements lists.Store.
func (s source) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	l, err := s.load(ctx, tenant)
	if err != nil {
		return 0, nil, err
	}
	var all []store.WebIntegration
	for c := range l.Changes(tenant) {
		all = append(all, store.WebIntegration{ID: c.ID, TenantID: tenant, Revision: c.Revision, ValidOrigins: c.Origins})
	}
	return l.CompleteTo(), all, nil
}
