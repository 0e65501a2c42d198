package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/quota"
	"originwarden/store/etcd/readview"
	"originwarden/store/etcd/schema"
)

// errConflict reports that a write was not made, and will not be, since its
// preconditions no longer hold.
var errConflict = errors.New("etcd: conflicting write")

// commit makes a planned transaction and sets its revision. The error is
// errConflict or a *store.WriteError.
func (s *Store) commit(ctx context.Context, t *transaction) (err error) {
	if t.growth > 0 {
		if err := s.reserveSpace(ctx, t.growth); err != nil {
			return err
		}
	}
	if err := s.writeBack(ctx, t.changes[0].before.View); err != nil {
		return err
	}
	_ = s.addLateRecords(ctx) // before later changes are recorded, if possible
	t.revision, err = s.commitOnce(ctx, t)
	return err
}

// commitOnce commits a transaction and returns its revision. Its request may be sent
// several times: it puts the tenant, on the condition that the tenant is unchanged,
// so the first copy that is carried out invalidates the others, however late they
// arrive. The history of the tenant tells whether one of them was.
func (s *Store) commitOnce(ctx context.Context, t *transaction) (revision uint64, err error) {
	before := t.changes[0].before
	known, _ := s.guard.Position()
	response, attempts, err := s.cluster.Send(ctx, t.request)
	switch {
	case err == nil && response.Succeeded:
		found := store.Position{Store: before.Store, Revision: uint64(response.Header.Revision)}
		if err := s.guard.Check(known, found); err != nil {
			return 0, maybeMade(err)
		}
		return found.Revision, nil
	case err != nil && (attempts > 1 || !connection.IsFinal(err)):
		return 0, maybeMade(err)
	case err != nil && !errors.Is(err, rpctypes.ErrNoSpace):
		return 0, notMade(err)
	}
	// The write may have been made nevertheless: by another copy, also one that the
	// client sent by itself, and by the write that reaches the quota, which etcd
	// carries out and answers with ErrNoSpace.
	revision, failed := s.findWrite(ctx, before, t.id)
	switch {
	case revision != 0 || errors.Is(failed, errConflict):
		return revision, failed
	case err != nil && failed == nil:
		return 0, notMade(err)
	case err != nil || failed != nil:
		return 0, maybeMade(errors.Join(err, failed))
	case attempts > 1:
		return 0, maybeMade(errors.New("etcd: it was sent several times"))
	}
	return 0, errConflict // another tenant has taken the id
}

// findWrite returns the revision of a write, or 0 if it was not made but still may
// be.
func (s *Store) findWrite(ctx context.Context, before *preconditions, id string) (revision uint64, err error) {
	view, found, err := s.reader.Read(ctx, clientv3.OpGet(s.keys.Tenant(before.tenant)))
	if err != nil {
		return 0, err
	}
	kv := found.First(0)
	unchanged := kv == nil || kv.ModRevision == before.tenantRevision
	switch {
	case view.IdentityValue != before.IdentityValue, unchanged && view.NoRemovalsRevision != before.NoRemovalsRevision:
		return 0, errConflict // there is another store, new removals, or a new pool
	case unchanged:
		return 0, nil
	}
	for kv.Version > before.tenantVersion+1 {
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
func (s *Store) previousVersion(ctx context.Context, view readview.View, kv *mvccpb.KeyValue) (*mvccpb.KeyValue, error) {
	found, err := s.reader.ReadAt(ctx, view, clientv3.OpGet(string(kv.Key), clientv3.WithRev(kv.ModRevision-1)))
	if err != nil {
		return nil, err
	}
	previous := found.First(0)
	if previous == nil || previous.Version >= kv.Version {
		return nil, fmt.Errorf("%q was deleted meanwhile", kv.Key)
	}
	return previous, nil
}

// CheckWrites implements store.Store. It sends a write on a condition that is
// never true: etcd checks space and permissions first. It also creates the pool for
// removals, which no call returns, and adds the late records to the history.
func (s *Store) CheckWrites(ctx context.Context) error {
	return s.cluster.Call(func() error {
		if err := s.tryPut(ctx); err != nil {
			return notMade(err)
		}
		if err := s.reserveSpace(ctx, 0); err != nil {
			return err
		}
		_ = s.ensurePool(ctx) // the next check tries again
		_ = s.addLateRecords(ctx)
		return nil
	})
}

// reserveSpace returns a *store.WriteError if a write of so many bytes would use
// space that is left to removals.
func (s *Store) reserveSpace(ctx context.Context, bytes int) error {
	if err := s.quota.Reserve(ctx, s.cluster, bytes, quota.Lists); err != nil {
		return notMade(err)
	}
	return nil
}

// tryPut fails as a put would.
func (s *Store) tryPut(ctx context.Context) error {
	head := s.keys.Head()
	never := clientv3.Compare(clientv3.Version(head), "<", 0)
	_, err := s.send(ctx, connection.Request{If: []clientv3.Cmp{never}, Then: []clientv3.Op{clientv3.OpPut(head, "never")}})
	return err
}

// notMade returns the error of a write that was not sent, or was refused.
func notMade(err error) error { return &store.WriteError{Cause: causeOf(err), NotMade: true, Err: err} }

// maybeMade returns the error of a write whose outcome is unknown.
func maybeMade(err error) error {
	if !errors.Is(err, store.ErrReset) {
		err = fmt.Errorf("etcd: it is not known whether the write was made: %w", err)
	}
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
