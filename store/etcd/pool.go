package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	slotBits  = 64
	poolBytes = 512 << 10 // more than etcd needs for the pool
)

func (l layout) withdrawals() string { return string(l) + "w/" }

func (l layout) none() string { return l.withdrawals() + "none" }

func (l layout) pool() string { return l.withdrawals() + "pool" }

func (l layout) free(slot int) string { return fmt.Sprintf("%s%02d/free", l.withdrawals(), slot) }

func (l layout) bit(slot, bit int) string {
	return fmt.Sprintf("%s%02d/%02d", l.withdrawals(), slot, bit)
}

// isFree reports whether the key is free of any slot.
func (l layout) isFree(key string) bool {
	return strings.HasPrefix(key, l.withdrawals()) && strings.HasSuffix(key, "/free")
}

// addWithdrawals adds what is withdrawn at a moment, given the keys none and pool
// at it.
func (s *Store) addWithdrawals(ctx context.Context, now *moment, none, pool *mvccpb.KeyValue) error {
	if none != nil {
		now.none = none.CreateRevision
	}
	if none != nil || pool == nil || now.identity == "" {
		return nil
	}
	all := spanOf(s.keys.withdrawals(), clientv3.WithKeysOnly())
	found, err := s.readAt(ctx, *now, all.page(0, clientv3.WithRev(now.etcd)))
	if err != nil {
		return err
	}
	now.withdrawn = s.keys.parseWithdrawals(found[0].Kvs)
	now.Revision += uint64(now.withdrawn.spent)
	return nil
}

// parseWithdrawals reads the keys of the pool that are there.
func (l layout) parseWithdrawals(kvs []*mvccpb.KeyValue) *withdrawals {
	there := make(map[string]bool, len(kvs))
	for _, kv := range kvs {
		there[string(kv.Key)] = true
	}
	w := new(withdrawals)
	for w.spent < slots && !there[l.free(w.spent)] {
		for bit := range slotBits {
			if !there[l.bit(w.spent, bit)] {
				w.origins[w.spent] |= 1 << bit
			}
		}
		w.spent++
	}
	return w
}

// sameWithdrawals says that nothing was withdrawn or written back since.
func (s *Store) sameWithdrawals(then *moment) []clientv3.Cmp {
	all := []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(s.keys.none()), "=", then.none)}
	if w := then.withdrawn; w != nil && w.spent > 0 {
		all = append(all, clientv3.Compare(clientv3.CreateRevision(s.keys.free(w.spent-1)), "=", 0))
	}
	if w := then.withdrawn; w != nil && w.spent < slots {
		all = append(all, clientv3.Compare(clientv3.CreateRevision(s.keys.free(w.spent)), ">", 0))
	}
	return all
}

// makePool makes the pool if it is missing, in the store that is known. A copy of
// a request that comes late does nothing, since the key pool is put last and
// never deleted.
func (s *Store) makePool(ctx context.Context) error {
	if s.pooled.Load() {
		return nil
	}
	now, _, err := s.readAny(ctx)
	switch {
	case err != nil || now.Store == "" || now.Store != s.bond.position().Store:
		return err
	case now.none != 0 || now.withdrawn != nil:
		s.pooled.Store(true)
		return nil
	}
	if err := s.hasRoomFor(ctx, poolBytes); err != nil {
		return err
	}
	return s.putPool(ctx, now)
}

func (s *Store) putPool(ctx context.Context, now moment) error {
	when := []clientv3.Cmp{
		clientv3.Compare(clientv3.Value(s.keys.identity()), "=", now.identity),
		clientv3.Compare(clientv3.CreateRevision(s.keys.pool()), "=", 0),
	}
	var puts []clientv3.Op
	for slot := range slots {
		puts = append(puts, clientv3.OpPut(s.keys.free(slot), ""))
		for bit := range slotBits {
			puts = append(puts, clientv3.OpPut(s.keys.bit(slot, bit), ""))
		}
	}
	for some := range slices.Chunk(puts, mostOps) {
		if done, err := s.ask(ctx, request{when: when, then: some}); err != nil || !done.Succeeded {
			return err
		}
	}
	last := []clientv3.Op{clientv3.OpPut(s.keys.none(), ""), clientv3.OpPut(s.keys.pool(), "")}
	_, err := s.ask(ctx, request{when: when, then: last})
	return err
}
