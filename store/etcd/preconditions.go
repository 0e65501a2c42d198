package etcd

import (
	"context"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/readview"
	"originwarden/store/etcd/records"
	"originwarden/store/etcd/schema"
)

// preconditions are what a write depends on: the tenant, and one of its web
// integrations.
type preconditions struct {
	readview.View
	tenant, id          string
	totals              schema.Totals
	tenantRevision      int64                       // mod revision of the tenant's key, or 0
	tenantVersion       int64                       // how often the key was put
	integration         *store.WebIntegration       // nil if there is none
	integrationRevision int64                       // mod revision of its key
	integrationBytes    int                         // of its value
	idTaken             bool                        // by any tenant
	oldest              *etcdserverpb.RangeResponse // of the tenant's records
}

// readPreconditions reads those of all writes at one revision.
func (s *Store) readPreconditions(ctx context.Context, writes []store.Write) ([]*preconditions, error) {
	var ops []clientv3.Op
	for _, w := range writes {
		ops = append(ops, clientv3.OpGet(s.keys.Tenant(w.Tenant)),
			clientv3.OpGet(s.keys.Integration(w.Tenant, w.ID)), clientv3.OpGet(s.keys.Owner(w.ID), clientv3.WithKeysOnly()))
	}
	oldest := map[string]int{} // the results of records.Oldest
	for _, w := range writes {
		if _, known := oldest[w.Tenant]; !known {
			oldest[w.Tenant] = len(ops)
			ops = append(ops, records.Oldest(s.keys, w.Tenant))
		}
	}
	view, found, err := s.reader.Read(ctx, ops...)
	if err != nil {
		return nil, err
	}
	all := make([]*preconditions, len(writes))
	for i, w := range writes {
		all[i] = &preconditions{View: view, tenant: w.Tenant, id: w.ID, oldest: found[oldest[w.Tenant]]}
		if err := all[i].fill(found[3*i:]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// fill takes the keys of the tenant, the web integration and the owner of its id.
func (p *preconditions) fill(found readview.Ranges) (err error) {
	tenant, integration := found.First(0), found.First(1)
	p.idTaken = integration != nil || found.First(2) != nil
	if p.totals, err = schema.DecodeTotals(tenant); err != nil {
		return err
	}
	if tenant != nil {
		p.tenantRevision, p.tenantVersion = tenant.ModRevision, tenant.Version
	}
	if integration != nil {
		w, err := schema.Decode(p.tenant, p.id, integration)
		if err != nil {
			return err
		}
		p.ApplyRemovals(&w)
		p.integration, p.integrationRevision, p.integrationBytes = &w, integration.ModRevision, len(integration.Value)
	}
	return nil
}

// ifSameTenant holds until the next write to the tenant, which puts its key.
func (p *preconditions) ifSameTenant(keys schema.Keys) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(keys.Tenant(p.tenant)), "=", p.tenantRevision)
}

// ifSameIntegration holds while the web integration is the same. If there is none,
// another tenant may take its id.
func (p *preconditions) ifSameIntegration(keys schema.Keys) clientv3.Cmp {
	if p.integration == nil {
		return clientv3.Compare(clientv3.CreateRevision(keys.Owner(p.id)), "=", 0)
	}
	return clientv3.Compare(clientv3.ModRevision(keys.Integration(p.tenant, p.id)), "=", p.integrationRevision)
}
