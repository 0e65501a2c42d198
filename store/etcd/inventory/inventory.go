// Package inventory reads and writes the refused origins of a store in etcd: one value
// for each tenant, which all gateways merge into. A gateway that dies leaves nothing
// behind.
//
// A value is replaced as a whole, and etcd keeps the old ones until it compacts. So a
// gateway writes at most MaxBytes for a tenant at once, and not more than Rate over
// all tenants; see also the quota in package etcd.
package inventory

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/schema"
)

// Inventory has the refusals of one store. All fields are required. It may be used
// concurrently.
type Inventory struct {
	Cluster *connection.Cluster
	Keys    schema.Keys
	// Read reads a key of the store, and the value of its key Identity. kv is nil if
	// there is none.
	Read func(ctx context.Context, key string) (identity string, kv *mvccpb.KeyValue, err error)
	// Reserve fails if there is no space for a value of so many bytes.
	Reserve func(ctx context.Context, bytes int) error

	budget budget
}

// Add adds refusals to those of several tenants. It returns for how many that was
// done: fewer without an error if there was too much to write.
func (v *Inventory) Add(ctx context.Context, more []store.TenantRefusals) (added int, err error) {
	for _, of := range more {
		if v.budget.isSpent(time.Now()) {
			break
		}
		bytes, err := v.replace(ctx, of.Tenant, func(before []store.Refusal) ([]store.Refusal, error) {
			return store.MergeRefusals(before, of.Refusals), nil
		})
		v.budget.spend(bytes)
		if err != nil {
			return added, err
		}
		added++
	}
	return added, nil
}

// Refusals returns the refusals of a tenant, the latest first.
func (v *Inventory) Refusals(ctx context.Context, tenant string) ([]store.Refusal, error) {
	_, kv, err := v.Read(ctx, v.Keys.Refusals(tenant))
	if err != nil || kv == nil {
		return nil, err
	}
	_, all, err := decode(kv.Value)
	if err != nil {
		return nil, fmt.Errorf("etcd: reading %q: %w", kv.Key, err)
	}
	return store.MergeRefusals(all, nil), nil
}

// Dismiss sets when the refusals of an origin were dismissed. The error is
// store.ErrNotFound if there are none.
func (v *Inventory) Dismiss(ctx context.Context, tenant, origin string, at time.Time) error {
	_, err := v.replace(ctx, tenant, func(all []store.Refusal) ([]store.Refusal, error) {
		found := false
		for i := range all {
			if all[i].Origin == origin {
				all[i].Dismissed, found = at.UTC(), true
			}
		}
		if !found {
			return nil, store.ErrNotFound
		}
		return all, nil
	})
	return err
}

// replace replaces a tenant's refusals by those that change returns, and returns how
// many bytes were written. change may run several times. Its error is returned
// unchanged.
//
// A request that is sent twice, or whose response is lost, is recognized by its id,
// unless another gateway has written meanwhile. Then counts are added twice.
func (v *Inventory) replace(ctx context.Context, tenant string, change func([]store.Refusal) ([]store.Refusal, error)) (bytes int, err error) {
	key, id := v.Keys.Refusals(tenant), rand.Text()
	for round := 0; ; round++ {
		identity, kv, err := v.Read(ctx, key)
		if err != nil {
			return bytes, err
		}
		var before []store.Refusal
		var revision int64
		if kv != nil {
			var write string
			// A damaged value is replaced. It would be of no use.
			write, before, _ = decode(kv.Value)
			if revision = kv.ModRevision; write == id {
				return bytes, nil
			}
		}
		after, err := change(before)
		if err != nil {
			return bytes, err
		}
		text, err := encode(id, after)
		if err == nil {
			err = v.Reserve(ctx, len(text))
		}
		if err != nil {
			return bytes, err
		}
		bytes += len(text)
		response, _, err := v.Cluster.Send(ctx, connection.Request{
			If: []clientv3.Cmp{
				clientv3.Compare(clientv3.Value(v.Keys.Identity()), "=", identity),
				clientv3.Compare(clientv3.ModRevision(key), "=", revision),
			},
			Then: []clientv3.Op{clientv3.OpPut(key, text)},
		})
		if err != nil || response.Succeeded {
			return bytes, err
		}
		if err := connection.WaitRetry(ctx, round); err != nil {
			return bytes, fmt.Errorf("etcd: other gateways write the refusals at the same time: %w", err)
		}
	}
}
