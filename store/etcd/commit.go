package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

// errConflict says that a write has not happened, and will not, since what it
// was made against is not so any more.
var errConflict = errors.New("etcd: written to meanwhile")

var errUnknown = errors.New("etcd: it is not known whether the write happened")

// commit makes a write, and returns its revision. After errUnknown, and after
// the end of ctx, it is not known whether it happened; after another error it
// has not, and will not.
//
// A request of unknown outcome can be repeated, since it has the tenant put on
// the condition that it was not: however many copies arrive, and however late,
// the first one that is carried out makes the others void. Whether it was one of
// ours, the tenant's history tells.
func (s *Store) commit(ctx context.Context, was *scene, write string, r request) (revision uint64, err error) {
	knew := s.bond.position()
	done, times, err := s.send(ctx, r)
	switch {
	case err != nil && times > 1:
		return 0, fmt.Errorf("%w: %w", errUnknown, err)
	case err != nil:
		return 0, err
	case done.Succeeded:
		found := store.Position{Store: was.Store, Revision: uint64(done.Header.Revision)}
		return found.Revision, s.bond.meet(knew, found)
	}
	// What is refused may have happened as well: another copy of it, or the same
	// that the client has sent again on its own.
	revision, err = s.outcome(ctx, was, write)
	switch {
	case revision != 0 || errors.Is(err, errConflict):
		return revision, err
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errUnknown, err)
	case times > 1:
		return 0, errUnknown
	}
	return 0, errConflict // the id was taken by another tenant
}

// outcome looks for a write. The revision is 0 if it has not happened, but can.
func (s *Store) outcome(ctx context.Context, was *scene, write string) (revision uint64, err error) {
	key := s.keys.tenant(was.tenant)
	now, found, err := s.read(ctx, clientv3.OpGet(key))
	if err != nil {
		return 0, err
	}
	kv := found.only(0)
	if now.identity != was.identity {
		return 0, errConflict
	}
	if kv == nil || kv.ModRevision == was.put {
		if now.none != was.none {
			return 0, errConflict // origins were withdrawn, or can be now
		}
		return 0, nil
	}
	for kv.Version > was.version+1 {
		if kv, err = s.before(ctx, now, kv); err != nil {
			return 0, err
		}
	}
	has, err := tenantOf(kv)
	switch {
	case err != nil:
		return 0, err
	case has.Write == write:
		return uint64(kv.ModRevision), nil
	}
	return 0, errConflict
}

// before reads what a key had before it was put.
func (s *Store) before(ctx context.Context, now moment, kv *mvccpb.KeyValue) (*mvccpb.KeyValue, error) {
	found, err := s.readAt(ctx, now, clientv3.OpGet(string(kv.Key), clientv3.WithRev(kv.ModRevision-1)))
	if err != nil {
		return nil, fmt.Errorf("etcd: finding out whether a write happened: %w", err)
	}
	earlier := found.only(0)
	if earlier == nil || earlier.Version >= kv.Version {
		return nil, fmt.Errorf("etcd: finding out whether a write happened: %q was deleted meanwhile", kv.Key)
	}
	return earlier, nil
}
