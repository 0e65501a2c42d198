package etcd

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"

	"originwarden/store"
	"originwarden/store/etcd/connection"
)

// CheckWrites implements store.Store. It sends a write on a condition that is
// never true: etcd checks space and permissions first. It also creates the pool for
// removals, which no call returns.
func (s *Store) CheckWrites(ctx context.Context) error {
	return s.cluster.Call(func() error {
		if err := s.tryPut(ctx); err != nil {
			return notMade(err)
		}
		if err := s.reserveSpace(ctx, 0); err != nil {
			return err
		}
		_ = s.ensurePool(ctx) // the next check tries again
		return nil
	})
}

// tryPut fails as a put would.
func (s *Store) tryPut(ctx context.Context) error {
	head := s.keys.Head()
	never := clientv3.Compare(clientv3.Version(head), "<", 0)
	_, err := s.send(ctx, connection.Request{If: []clientv3.Cmp{never}, Then: []clientv3.Op{clientv3.OpPut(head, "never")}})
	return err
}

// notMade returns the error of a write that was not sent, or was refused.
func notMade(err error) error {
	return &store.WriteError{Cause: causeOf(err), NotMade: true, Err: err}
}

// maybeMade returns the error of a write whose outcome is unknown.
func maybeMade(err error) error {
	return &store.WriteError{Cause: causeOf(err), Err: err}
}

func causeOf(err error) store.Cause {
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		return store.CauseNoSpace
	case errors.Is(err, rpctypes.ErrCorrupt):
		return store.CauseDamaged
	case errors.Is(err, rpctypes.ErrAuthFailed):
		return store.CauseDenied
	case errors.Is(err, store.ErrReset):
		return store.CauseReset
	}
	switch connection.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated:
		return store.CauseDenied
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return store.CauseUnreachable
	}
	return store.CauseOf(err)
}
