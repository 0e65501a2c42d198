package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/schema"
)

// errConflict reports that a write was not made, and will not be, since its
// preconditions no longer hold.
var errConflict = errors.New("etcd: written to meanwhile")

var errUnknown = errors.New("etcd: it is not known whether the write was made")

// commit makes a planned transaction and sets its revision. The error is
// errConflict or a *store.WriteError.
func (s *Store) commit(ctx context.Context, t *transaction) (err error) {
	if t.growth > 0 {
		if err := s.reserveSpace(ctx, t.growth); err != nil {
			return err
		}
	}
	against := t.changes[0].before
	if err := s.writeBack(ctx, against.readView); err != nil {
		return err
	}
	t.revision, err = s.commitOnce(ctx, against, t.id, t.request)
	return err
}

// commitOnce makes a write and returns its revision. It sends the request again
// when its outcome is unknown: the request puts the tenant, on the condition that
// the tenant is unchanged, so the first copy that is carried out invalidates the
// others, however late they arrive. The history of the tenant tells whether one
// of them was.
func (s *Store) commitOnce(ctx context.Context, against *preconditions, id string, r connection.Request) (revision uint64, err error) {
	known := s.guard.position()
	response, attempts, err := s.cluster.Send(ctx, r)
	switch {
	case err == nil && response.Succeeded:
		found := store.Position{Store: against.Store, Revision: uint64(response.Header.Revision)}
		if err := s.guard.check(known, found); err != nil {
			return 0, maybeMade(err)
		}
		return found.Revision, nil
	case err != nil && (attempts > 1 || !connection.IsFinal(err)):
		return 0, maybeMade(fmt.Errorf("%w: %w", errUnknown, err))
	case err != nil && !errors.Is(err, rpctypes.ErrNoSpace):
		return 0, notMade(err)
	}
	// The write may have been made nevertheless: by another copy, also one that the
	// client sent by itself, and by the write that reaches the quota, which etcd
	// carries out and answers with ErrNoSpace.
	revision, failed := s.findWrite(ctx, against, id)
	switch {
	case revision != 0 || errors.Is(failed, errConflict):
		return revision, failed
	case err != nil && failed != nil:
		return 0, maybeMade(err)
	case err != nil:
		return 0, notMade(err)
	case failed != nil:
		return 0, maybeMade(fmt.Errorf("%w: %w", errUnknown, failed))
	case attempts > 1:
		return 0, maybeMade(errUnknown)
	}
	return 0, errConflict // another tenant has taken the id
}

// findWrite returns the revision of a write, or 0 if it was not made but still may
// be.
func (s *Store) findWrite(ctx context.Context, against *preconditions, id string) (revision uint64, err error) {
	view, found, err := s.read(ctx, clientv3.OpGet(s.keys.Tenant(against.tenant)))
	if err != nil {
		return 0, err
	}
	kv := found.first(0)
	if view.identity != against.identity {
		return 0, errConflict
	}
	if kv == nil || kv.ModRevision == against.tenantRevision {
		if view.none != against.none {
			return 0, errConflict // there are removals, or a new pool for them
		}
		return 0, nil
	}
	for kv.Version > against.tenantVersion+1 {
		if kv, err = s.previousVersion(ctx, view, kv); err != nil {
			return 0, fmt.Errorf("etcd: finding out whether a write was made: %w", err)
		}
	}
	totals, err := schema.DecodeTotals(kv)
	switch {
	case err != nil:
		return 0, err
	case totals.Write == id:
		return uint64(kv.ModRevision), nil
	}
	return 0, errConflict
}

// previousVersion reads what a key had before it was put.
func (s *Store) previousVersion(ctx context.Context, view readView, kv *mvccpb.KeyValue) (*mvccpb.KeyValue, error) {
	found, err := s.readAt(ctx, view, clientv3.OpGet(string(kv.Key), clientv3.WithRev(kv.ModRevision-1)))
	if err != nil {
		return nil, err
	}
	previous := found.first(0)
	if previous == nil || previous.Version >= kv.Version {
		return nil, fmt.Errorf("%q was deleted meanwhile", kv.Key)
	}
	return previous, nil
}
