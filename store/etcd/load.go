package etcd

import (
	"context"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/schema"
)

const (
	firstPage      = 32      // keys that are read together with the totals
	maxKeysOnPage  = 1000    // of one response
	maxBytesOnPage = 4 << 20 // of one response, on average
	tenantsOnPage  = 10 * maxKeysOnPage
	maxGets        = 100 // web integrations in one request; etcd permits 128 operations
	maxGetsOfLarge = 4   // the same if they may be large
)

// Integration implements store.Store.
func (s *Store) Integration(ctx context.Context, tenant, id string) (w store.WebIntegration, err error) {
	err = s.cluster.Call(func() error {
		view, found, err := s.read(ctx, clientv3.OpGet(s.keys.Integration(tenant, id)))
		if err != nil {
			return err
		}
		kv := found.first(0)
		if kv == nil {
			return store.ErrNotFound
		}
		w, err = schema.Decode(tenant, id, kv)
		view.applyRemovals(&w)
		return err
	})
	return w, err
}

// Load implements store.Store. It fails if the tenant has other web integrations
// than were written by a Store.
func (s *Store) Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error) {
	err = s.callRead(ctx, func() error {
		revision, all, err = s.loadTenant(ctx, tenant)
		return err
	})
	return revision, all, err
}

// callRead runs a call that reads at one revision.
func (s *Store) callRead(ctx context.Context, read func() error) error {
	return s.cluster.Call(func() error { return retryCompacted(ctx, read) })
}

func (s *Store) loadTenant(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	span := schema.SpanOf(s.keys.Integrations(tenant))
	view, found, err := s.read(ctx, clientv3.OpGet(s.keys.Tenant(tenant)), span.Page(firstPage))
	if err != nil {
		return 0, nil, err
	}
	totals, err := schema.DecodeTotals(found.first(0))
	if err != nil {
		return 0, nil, err
	}
	var all []store.WebIntegration
	origins := 0
	for kv, err := range s.readSpan(ctx, view, span, found[1], pageSize(totals)) {
		if err != nil {
			return 0, nil, err
		}
		w, err := schema.Decode(tenant, strings.TrimPrefix(string(kv.Key), span.From), kv)
		if err != nil {
			return 0, nil, err
		}
		origins += len(w.ValidOrigins)
		view.applyRemovals(&w)
		all = append(all, w)
	}
	if !view.isComplete(totals, len(all), origins) {
		return 0, nil, fmt.Errorf("etcd: tenant %q has %d web integrations with %d origins, but %d with %d were written",
			tenant, len(all), origins, totals.Integrations, totals.Origins)
	}
	return view.Revision, all, nil
}

// pageSize returns how many of a tenant's web integrations to read at once.
func pageSize(t schema.Totals) int64 {
	if t.Integrations <= 0 || t.Bytes <= 0 {
		return firstPage
	}
	return int64(min(max(maxBytesOnPage/(t.Bytes/t.Integrations+1), 1), maxKeysOnPage))
}

// Tenants implements store.Store.
func (s *Store) Tenants(ctx context.Context) (at store.Position, revisions map[string]uint64, err error) {
	err = s.callRead(ctx, func() error {
		at, revisions, err = s.readTenants(ctx)
		return err
	})
	return at, revisions, err
}

func (s *Store) readTenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	span := schema.SpanOf(s.keys.Tenants(), clientv3.WithKeysOnly())
	view, found, err := s.read(ctx, span.Page(tenantsOnPage))
	if err != nil {
		return store.Position{}, nil, err
	}
	revisions := map[string]uint64{}
	for kv, err := range s.readSpan(ctx, view, span, found[0], tenantsOnPage) {
		if err != nil {
			return store.Position{}, nil, err
		}
		tenant, ok := s.keys.ParseTenant(string(kv.Key))
		if !ok {
			return store.Position{}, nil, fmt.Errorf("etcd: invalid key %q of a tenant", kv.Key)
		}
		if revisions[tenant] = uint64(kv.ModRevision); view.removals != nil {
			revisions[tenant] = view.Revision // removals do not name their tenant
		}
	}
	return view.Position, revisions, nil
}
