package etcd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/readview"
	"originwarden/store/etcd/schema"
)

const poolBytes = 512 << 10 // more than the pool needs

// ensurePool creates the pool of the known store if it is missing. A request that
// arrives late does nothing, since the key Pool is put last and never deleted.
func (s *Store) ensurePool(ctx context.Context) error {
	known, _ := s.guard.Position()
	view, _, err := s.reader.ReadAny(ctx)
	if err != nil || view.Store == "" || view.Store != known.Store || view.NoRemovalsRevision != 0 || view.Removals != nil {
		return err
	}
	if err := s.reserveSpace(ctx, poolBytes); err != nil {
		return err
	}
	return s.putPool(ctx, view)
}

func (s *Store) putPool(ctx context.Context, view readview.View) error {
	missing := []clientv3.Cmp{
		clientv3.Compare(clientv3.Value(s.keys.Identity()), "=", view.IdentityValue),
		clientv3.Compare(clientv3.CreateRevision(s.keys.Pool()), "=", 0),
	}
	for some := range slices.Chunk(s.keys.PutSlots(), maxOps) {
		if done, err := s.send(ctx, connection.Request{If: missing, Then: some}); err != nil || !done.Succeeded {
			return err
		}
	}
	last := []clientv3.Op{clientv3.OpPut(s.keys.NoRemovals(), ""), clientv3.OpPut(s.keys.Pool(), "")}
	_, err := s.send(ctx, connection.Request{If: missing, Then: last})
	return err
}

// writeBack writes the removals of a view back. It returns nil if the view has none,
// and errConflict if the view is outdated, as it also is once they were written back.
// After any other error the write was not made, but some removals may have been
// written back.
//
// Several processes may do it at once: they write the same, and nothing once one
// of them has finished.
func (s *Store) writeBack(ctx context.Context, view readview.View) error {
	if view.Removals == nil {
		return nil
	}
	unlock, err := s.locks.Lock(ctx, s.keys.Pool())
	if err != nil {
		return notMade(fmt.Errorf("etcd: waiting for removals to be written back: %w", err))
	}
	defer unlock()
	now, _, err := s.reader.Read(ctx)
	if err == nil && now.Removals != nil {
		err = s.writeAllBack(ctx, now)
	}
	if err == nil || errors.Is(err, errConflict) || errors.Is(err, rpctypes.ErrCompacted) {
		return errConflict
	}
	return notMade(err)
}

func (s *Store) writeAllBack(ctx context.Context, view readview.View) error {
	if err := s.tryPut(ctx); err != nil {
		return err // before much is read
	}
	for kv, err := range s.reader.ReadSpan(ctx, view, schema.SpanOf(s.keys.Tenants()), nil, maxKeysOnPage) {
		if err != nil {
			return err
		}
		tenant, ok := s.keys.ParseTenant(string(kv.Key))
		if !ok {
			return fmt.Errorf("etcd: invalid key %q of a tenant", kv.Key)
		}
		totals, err := schema.DecodeTotals(kv)
		if err == nil {
			err = s.writeTenantBack(ctx, view, tenant, totals)
		}
		if err != nil {
			return err
		}
	}
	return s.refillPool(ctx, view)
}

// writeTenantBack puts the lists from which origins were removed, and the totals.
func (s *Store) writeTenantBack(ctx context.Context, view readview.View, tenant string, before schema.Totals) error {
	after := schema.Totals{Write: before.Write}
	span := schema.SpanOf(s.keys.Integrations(tenant))
	for kv, err := range s.reader.ReadSpan(ctx, view, span, nil, pageSize(before)) {
		if err != nil {
			return err
		}
		w, err := schema.Decode(tenant, strings.TrimPrefix(string(kv.Key), span.From), kv)
		if err != nil {
			return err
		}
		value := string(kv.Value)
		if view.ApplyRemovals(&w) {
			if value, err = schema.Encode(w); err == nil {
				err = s.putBack(ctx, view, clientv3.OpPut(string(kv.Key), value))
			}
			if err != nil {
				return err
			}
		}
		after.Integrations++
		after.Origins += len(w.ValidOrigins)
		after.Bytes += len(value)
	}
	if after == before {
		return nil
	}
	return s.putBack(ctx, view, clientv3.OpPut(s.keys.Tenant(tenant), after.Encode()))
}

// refillPool puts the deleted keys of the pool. The last request ends the removals.
func (s *Store) refillPool(ctx context.Context, view readview.View) error {
	last := []clientv3.Op{clientv3.OpPut(s.keys.NoRemovals(), ""), clientv3.OpPut(s.keys.Head(), rand.Text())}
	for slot, hash := range view.Removals.Hashes[:view.Removals.Used] {
		if err := s.putBack(ctx, view, s.keys.PutBits(slot, hash)...); err != nil {
			return err
		}
		last = append(last, clientv3.OpPut(s.keys.FreeSlot(slot), ""))
	}
	return s.putBack(ctx, view, last...)
}

// putBack puts keys if the view is still the newest. It also puts the key Pool, by
// which watches recognize the request.
func (s *Store) putBack(ctx context.Context, view readview.View, puts ...clientv3.Op) error {
	done, err := s.send(ctx, connection.Request{If: view.IfUnchanged(s.keys), Then: append(puts, clientv3.OpPut(s.keys.Pool(), ""))})
	if err == nil && !done.Succeeded {
		return errConflict
	}
	return err
}
