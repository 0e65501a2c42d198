package etcd

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/inventory"
	"originwarden/store/etcd/quota"
)

// newInventory returns the part of s that implements store.Inventory.
func (s *Store) newInventory() *inventory.Inventory {
	return &inventory.Inventory{
		Cluster: s.cluster,
		Keys:    s.keys,
		Read: func(ctx context.Context, key string) (string, *mvccpb.KeyValue, error) {
			view, found, err := s.reader.Read(ctx, clientv3.OpGet(key))
			if err != nil {
				return "", nil, err
			}
			return view.IdentityValue, found.First(0), nil
		},
		Reserve: func(ctx context.Context, bytes int) error {
			if err := s.quota.Reserve(ctx, s.cluster, bytes, quota.Refusals); err != nil {
				return notMade(err)
			}
			return nil
		},
	}
}

// AddRefusals implements store.Inventory, in a commit for each tenant.
func (s *Store) AddRefusals(ctx context.Context, more []store.TenantRefusals) (added int, err error) {
	err = s.cluster.Call(func() error {
		added, err = s.inventory.Add(ctx, more)
		return refusalError(err)
	})
	return added, err
}

// Refusals implements store.Inventory.
func (s *Store) Refusals(ctx context.Context, tenant string) (all []store.Refusal, err error) {
	err = s.cluster.Call(func() error {
		all, err = s.inventory.Refusals(ctx, tenant)
		return err
	})
	return all, err
}

// Dismiss implements store.Inventory.
func (s *Store) Dismiss(ctx context.Context, tenant, origin string, at time.Time) error {
	return s.cluster.Call(func() error { return refusalError(s.inventory.Dismiss(ctx, tenant, origin, at)) })
}

// refusalError returns the error of a write of refusals.
func refusalError(err error) error {
	_, known := errors.AsType[*store.WriteError](err)
	if err == nil || known || errors.Is(err, store.ErrNotFound) {
		return err
	}
	return maybeMade(err)
}

// Observe implements store.Observer.
func (s *Store) Observe(ctx context.Context, tenant string, seen store.Observation) (observed store.Observation, err error) {
	err = s.cluster.Call(func() error {
		observed, err = s.inventory.Observe(ctx, tenant, seen)
		return refusalError(err)
	})
	return observed, err
}
