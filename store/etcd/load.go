package etcd

import (
	"context"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

const (
	firstPage   = 32      // read together with what the tenant has
	mostOnPage  = 1000    // of one answer
	bytesOnPage = 4 << 20 // of one answer, on average
)

// Integration implements store.Store.
func (s *Store) Integration(ctx context.Context, tenant, id string) (store.WebIntegration, error) {
	leave, err := s.enter()
	if err != nil {
		return store.WebIntegration{}, err
	}
	defer leave()
	now, found, err := s.read(ctx, clientv3.OpGet(s.keys.integration(tenant, id)))
	if err != nil {
		return store.WebIntegration{}, err
	}
	kv := found.only(0)
	if kv == nil {
		return store.WebIntegration{}, store.ErrNotFound
	}
	w, err := decode(tenant, id, kv)
	now.without(&w)
	return w, err
}

// Load implements store.Store. It fails if the tenant has other web
// integrations than were written by a Store.
func (s *Store) Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error) {
	leave, err := s.enter()
	if err != nil {
		return 0, nil, err
	}
	defer leave()
	err = anew(ctx, func() error {
		revision, all, err = s.load(ctx, tenant)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return revision, all, nil
}

func (s *Store) load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	r := spanOf(s.keys.of(tenant))
	now, found, err := s.read(ctx, clientv3.OpGet(s.keys.tenant(tenant)), r.page(firstPage))
	if err != nil {
		return 0, nil, err
	}
	has, err := tenantOf(found.only(0))
	if err != nil {
		return 0, nil, err
	}
	var all []store.WebIntegration
	origins := 0
	for kv, err := range s.walk(ctx, now, r, found[1], has.onPage()) {
		if err != nil {
			return 0, nil, err
		}
		w, err := decode(tenant, strings.TrimPrefix(string(kv.Key), r.from), kv)
		if err != nil {
			return 0, nil, err
		}
		origins += len(w.ValidOrigins)
		now.without(&w)
		all = append(all, w)
	}
	if !now.lacksNothing(has, len(all), origins) {
		return 0, nil, fmt.Errorf("etcd: tenant %q has %d web integrations with %d origins, but %d with %d were written",
			tenant, len(all), origins, has.Integrations, has.Origins)
	}
	return now.Revision, all, nil
}

// onPage is how many web integrations fit into one answer.
func (v *tenantValue) onPage() int64 {
	if v.Integrations <= 0 || v.Bytes <= 0 {
		return firstPage
	}
	return int64(min(max(bytesOnPage/(v.Bytes/v.Integrations+1), 1), mostOnPage))
}

// Tenants implements store.Store.
func (s *Store) Tenants(ctx context.Context) (at store.Position, all map[string]uint64, err error) {
	leave, err := s.enter()
	if err != nil {
		return store.Position{}, nil, err
	}
	defer leave()
	err = anew(ctx, func() error {
		at, all, err = s.tenants(ctx)
		return err
	})
	if err != nil {
		return store.Position{}, nil, err
	}
	return at, all, nil
}

func (s *Store) tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	r := spanOf(s.keys.tenants(), clientv3.WithKeysOnly())
	now, found, err := s.read(ctx, r.page(10*mostOnPage))
	if err != nil {
		return store.Position{}, nil, err
	}
	all := map[string]uint64{}
	for kv, err := range s.walk(ctx, now, r, found[0], 10*mostOnPage) {
		if err != nil {
			return store.Position{}, nil, err
		}
		tenant, ok := s.keys.parseTenant(string(kv.Key))
		if !ok {
			return store.Position{}, nil, fmt.Errorf("etcd: %q is no key of a tenant", kv.Key)
		}
		if all[tenant] = uint64(kv.ModRevision); now.withdrawn != nil {
			all[tenant] = now.Revision // nobody knows of whom something was withdrawn
		}
	}
	return now.Position, all, nil
}
