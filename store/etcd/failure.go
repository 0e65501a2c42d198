package etcd

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"

	"originwarden/store"
)

// CheckWrites implements store.Store. It sends a write on a condition that never
// holds: etcd looks for space and for the right to write all the same. It makes the
// pool for withdrawals, which no call returns.
func (s *Store) CheckWrites(ctx context.Context) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := s.tryPut(ctx); err != nil {
		return notMade(err)
	}
	if err := s.hasRoomFor(ctx, 0); err != nil {
		return err
	}
	_ = s.makePool(ctx) // or the next time
	return nil
}

// tryPut fails as a put would.
func (s *Store) tryPut(ctx context.Context) error {
	head := s.keys.head()
	never := clientv3.Compare(clientv3.Version(head), "<", 0)
	_, err := s.ask(ctx, request{when: []clientv3.Cmp{never}, then: []clientv3.Op{clientv3.OpPut(head, "never")}})
	return err
}

// notMade returns the error of a write that was not sent, or that was refused.
func notMade(err error) error {
	return &store.WriteError{Cause: causeOf(err), NotMade: true, Err: err}
}

// settle returns what became of a write that was sent, after an error but
// errConflict: its revision, errConflict, or a *store.WriteError.
//
// What lasts is refused before it is carried out, with one exception: a write
// with which a cluster comes to its quota is carried out, and answered by
// ErrNoSpace.
func (s *Store) settle(ctx context.Context, was *scene, write string, err error) (revision uint64, _ error) {
	if errors.Is(err, errUnknown) || !lasting(err) {
		return 0, &store.WriteError{Cause: causeOf(err), Err: err}
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		return 0, notMade(err)
	}
	revision, unsettled := s.outcome(ctx, was, write)
	switch {
	case revision != 0:
		return revision, nil
	case errors.Is(unsettled, errConflict):
		return 0, errConflict
	case unsettled != nil:
		return 0, &store.WriteError{Cause: store.CauseNoSpace, Err: err}
	}
	return 0, notMade(err)
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
	switch code(err) {
	case codes.PermissionDenied, codes.Unauthenticated:
		return store.CauseDenied
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return store.CauseUnreachable
	}
	return store.CauseOf(err)
}
