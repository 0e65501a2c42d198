package etcd

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

// mark is the last write that a watch has come past. A store that was restored
// from a backup and has come as far again has another write at that revision.
type mark struct {
	store.Position
	write string // its id, the value of head
}

// recognise asks whether the store has the write of the mark where that was.
// One whose history is forgotten that far cannot tell.
func (s *Store) recognise(ctx context.Context, m *mark, now moment) error {
	if m == nil || m.Store != now.Store || m.Revision >= now.Revision {
		return nil // what is known tells the rest
	}
	got, err := s.ask(ctx, request{then: []clientv3.Op{clientv3.OpGet(s.keys.head(), clientv3.WithRev(int64(m.Revision)))}})
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return nil
	case err != nil:
		return err
	}
	head := ranges(got).only(0)
	if head != nil && string(head.Value) == m.write {
		return nil
	}
	return s.bond.lose(store.ResetError{Known: m.Position, Found: now.Position})
}
