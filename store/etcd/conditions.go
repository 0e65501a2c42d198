package etcd

import (
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store/etcd/schema"
)

// ifSameStore holds while the store is the same and not older, and no series of
// removals has begun or ended.
func (s *Store) ifSameStore(v *readView) []clientv3.Cmp {
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.Value(s.keys.Identity()), "=", v.identityValue),
		clientv3.Compare(clientv3.ModRevision(s.keys.Head()), ">", int64(v.headRevision)-1),
		clientv3.Compare(clientv3.CreateRevision(s.keys.NoRemovals()), "=", v.noRemovalsRevision),
	}
}

// ifSameTenant holds until the next write to the tenant, which puts its key.
func (s *Store) ifSameTenant(p *preconditions) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(s.keys.Tenant(p.tenant)), "=", p.tenantRevision)
}

// ifSameIntegration holds while the web integration is the same. If there is none,
// another tenant may take its id.
func (s *Store) ifSameIntegration(p *preconditions) clientv3.Cmp {
	if p.integration == nil {
		return clientv3.Compare(clientv3.CreateRevision(s.keys.Owner(p.id)), "=", 0)
	}
	return clientv3.Compare(clientv3.ModRevision(s.keys.Integration(p.tenant, p.id)), "=", p.integrationRevision)
}

// ifUnchanged holds until the next write or removal, or until removals are written
// back. There has to be a pool.
func (s *Store) ifUnchanged(v *readView) []clientv3.Cmp {
	all := append(s.ifSameStore(v), clientv3.Compare(clientv3.ModRevision(s.keys.Head()), "=", int64(v.headRevision)))
	used := schema.Slots - v.freeSlots()
	if used > 0 {
		all = append(all, clientv3.Compare(clientv3.CreateRevision(s.keys.FreeSlot(used-1)), "=", 0))
	}
	if used < schema.Slots {
		all = append(all, clientv3.Compare(clientv3.CreateRevision(s.keys.FreeSlot(used)), ">", 0))
	}
	return all
}
