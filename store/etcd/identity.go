package etcd

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/readview"
)

// Position implements store.Store.
func (s *Store) Position(ctx context.Context) (at store.Position, err error) {
	err = s.cluster.Call(func() error {
		view, _, err := s.reader.Read(ctx)
		at = view.Position
		return err
	})
	return at, err
}

// Accept implements store.Store. A store that was rolled back gets a new identity:
// other processes that know a later revision must not take it for the same store
// when it reaches that revision again.
func (s *Store) Accept(ctx context.Context) (at store.Position, err error) {
	err = s.cluster.Call(func() error {
		at, err = s.acceptStore(ctx)
		return err
	})
	return at, err
}

func (s *Store) acceptStore(ctx context.Context) (store.Position, error) {
	for {
		known, rolledBack := s.guard.Position()
		view, _, err := s.reader.ReadAny(ctx)
		switch {
		case err != nil:
			return store.Position{}, err
		case view.IdentityValue == "":
			err = s.reader.Create(ctx)
		case view.Store == known.Store && (rolledBack || view.Revision < known.Revision):
			err = s.reader.PutIdentity(ctx, clientv3.Compare(clientv3.Value(s.keys.Identity()), "=", view.IdentityValue))
		default:
			s.guard.Accept(view.Position)
			s.seen.Store(nil)
			s.late.Forget() // they may be another store's
			return view.Position, nil
		}
		if err != nil {
			return store.Position{}, err
		}
	}
}

// seenWrite is the last write that a watch has received. A store that was restored
// from a backup, and then reached the same revision, has another write there.
type seenWrite struct {
	store.Position
	write string // its id, the value of head
}

// checkHistory fails if the store has another write where seen was. It passes if
// that part of the history is compacted.
func (s *Store) checkHistory(ctx context.Context, seen *seenWrite, view readview.View) error {
	if seen == nil || seen.Store != view.Store || seen.Revision >= view.Revision {
		return nil // the guard has checked the rest
	}
	get := clientv3.OpGet(s.keys.Head(), clientv3.WithRev(int64(seen.Revision)))
	response, err := s.send(ctx, connection.Request{Then: []clientv3.Op{get}})
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return nil
	case err != nil:
		return err
	}
	head := readview.RangesOf(response).First(0)
	if head != nil && string(head.Value) == seen.write {
		return nil
	}
	return s.guard.RecordRollback(store.ResetError{Known: seen.Position, Found: view.Position})
}
