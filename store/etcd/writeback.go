package etcd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// writeBack writes back what was withdrawn at that moment. It returns nil if
// nothing was. After errConflict there is another moment; after another error,
// which is that of a write that is not made, some of it may be written back.
//
// Several may do it at once: all of them write the same, and nobody anything
// once one of them has ended it.
func (s *Store) writeBack(ctx context.Context, then moment) error {
	if then.withdrawn == nil {
		return nil
	}
	end, err := s.writingBack.take(ctx, "")
	if err != nil {
		return notMade(fmt.Errorf("etcd: waiting for withdrawals to be written back: %w", err))
	}
	defer end()
	now, _, err := s.read(ctx)
	if err == nil && now.withdrawn != nil {
		err = s.writeAllBack(ctx, &now)
	}
	if err == nil || errors.Is(err, errConflict) || errors.Is(err, rpctypes.ErrCompacted) {
		return errConflict
	}
	return notMade(err)
}

func (s *Store) writeAllBack(ctx context.Context, now *moment) error {
	if err := s.tryPut(ctx); err != nil {
		return err // before much is read
	}
	for kv, err := range s.walkAt(ctx, now, spanOf(s.keys.tenants()), mostOnPage) {
		if err != nil {
			return err
		}
		tenant, ok := s.keys.parseTenant(string(kv.Key))
		if !ok {
			return fmt.Errorf("etcd: %q is no key of a tenant", kv.Key)
		}
		has, err := tenantOf(kv)
		if err == nil {
			err = s.writeTenantBack(ctx, now, tenant, has)
		}
		if err != nil {
			return err
		}
	}
	return s.refillPool(ctx, now)
}

// writeTenantBack writes the lists from which origins were withdrawn, and what
// the tenant has now.
func (s *Store) writeTenantBack(ctx context.Context, now *moment, tenant string, has tenantValue) error {
	is := tenantValue{Write: has.Write}
	all := spanOf(s.keys.of(tenant))
	for kv, err := range s.walkAt(ctx, now, all, has.onPage()) {
		if err != nil {
			return err
		}
		w, err := decode(tenant, strings.TrimPrefix(string(kv.Key), all.from), kv)
		if err != nil {
			return err
		}
		value := string(kv.Value)
		if now.without(&w) {
			if value, err = encode(w); err == nil {
				err = s.putBack(ctx, now, clientv3.OpPut(string(kv.Key), value))
			}
			if err != nil {
				return err
			}
		}
		is.Integrations++
		is.Origins += len(w.ValidOrigins)
		is.Bytes += len(value)
	}
	if is == has {
		return nil
	}
	return s.putBack(ctx, now, clientv3.OpPut(s.keys.tenant(tenant), is.encode()))
}

// refillPool puts what was deleted of the pool. With the last request, nothing
// is withdrawn any more.
func (s *Store) refillPool(ctx context.Context, now *moment) error {
	last := []clientv3.Op{clientv3.OpPut(s.keys.none(), ""), clientv3.OpPut(s.keys.head(), rand.Text())}
	for slot, ones := range now.withdrawn.origins[:now.withdrawn.spent] {
		var puts []clientv3.Op
		for bit := range slotBits {
			if ones>>bit&1 == 1 {
				puts = append(puts, clientv3.OpPut(s.keys.bit(slot, bit), ""))
			}
		}
		if err := s.putBack(ctx, now, puts...); err != nil {
			return err
		}
		last = append(last, clientv3.OpPut(s.keys.free(slot), ""))
	}
	return s.putBack(ctx, now, last...)
}

// putBack puts keys, with the key by which a watch knows who does, if nothing
// was withdrawn or written since that moment.
func (s *Store) putBack(ctx context.Context, now *moment, puts ...clientv3.Op) error {
	r := request{when: s.unchanged(now), then: append(puts, clientv3.OpPut(s.keys.pool(), ""))}
	done, err := s.ask(ctx, r)
	if err == nil && !done.Succeeded {
		return errConflict
	}
	return err
}
