package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/records"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, w store.WebIntegration) (store.WebIntegration, error) {
	t, err := s.writeOne(ctx, store.Write{Tenant: w.TenantID, ID: w.ID, Make: func(before *store.WebIntegration) (*store.WebIntegration, error) {
		if before != nil {
			return nil, store.ErrExists
		}
		return &w, nil
	}})
	if err != nil {
		return store.WebIntegration{}, err
	}
	w.Revision = t.revision
	return w, nil
}

// Edit implements store.Store.
func (s *Store) Edit(ctx context.Context, tenant, id string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
	t, err := s.writeOne(ctx, store.Write{Tenant: tenant, ID: id, Make: func(before *store.WebIntegration) (*store.WebIntegration, error) {
		if before == nil {
			return nil, store.ErrNotFound
		}
		return before, edit(before)
	}})
	switch {
	case errors.Is(err, store.ErrUnchanged):
		return *t.before[0].integration, nil
	case err != nil:
		return store.WebIntegration{}, err
	}
	after := *t.changes[0].after
	after.Revision = t.revision
	return after, nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (revision uint64, err error) {
	t, err := s.writeOne(ctx, store.Write{Tenant: tenant, ID: id, Make: func(before *store.WebIntegration) (*store.WebIntegration, error) {
		if before == nil {
			return nil, store.ErrNotFound
		}
		return nil, allow(*before)
	}})
	if err != nil {
		return 0, err
	}
	return t.revision, nil
}

// writeOne makes one write, by removals if the cluster has no space. If the write was
// refused, it returns the refusal and the transaction.
func (s *Store) writeOne(ctx context.Context, w store.Write) (t *transaction, err error) {
	err = s.cluster.Call(func() error {
		t, err = s.write(ctx, []store.Write{w}, true)
		if err == nil {
			err = t.refused[0]
		}
		return err
	})
	return t, err
}

// Batch implements store.Store. A commit has about 25 writes, fewer if they are
// large, and never two to one web integration.
func (s *Store) Batch(ctx context.Context, writes []store.Write) (refused []error, err error) {
	err = s.cluster.Call(func() error {
		refused, err = s.writeAll(ctx, writes)
		return err
	})
	return refused, err
}

func (s *Store) writeAll(ctx context.Context, writes []store.Write) (refused []error, err error) {
	limit := maxWrites
	for len(refused) < len(writes) {
		next := writes[len(refused):min(len(refused)+limit, len(writes))]
		t, err := s.write(ctx, next, false)
		switch {
		case err == nil:
			for _, refusal := range t.refused {
				if errors.Is(refusal, store.ErrUnchanged) {
					refusal = nil
				}
				refused = append(refused, refusal)
			}
		case len(next) > 1 && connection.IsTooLarge(err):
			limit = len(next) / 2 // the cluster has lower limits than by default
		default:
			return refused, err
		}
	}
	return refused, nil
}

// write makes the first of the writes, as many as fit into one transaction. It
// reads and plans again when what it read has changed. byRemovals permits to make
// one write by removals if there is no space.
func (s *Store) write(ctx context.Context, writes []store.Write, byRemovals bool) (*transaction, error) {
	var tenants []string
	for _, w := range writes {
		tenants = append(tenants, s.keys.Tenant(w.Tenant))
	}
	slices.Sort(tenants)
	unlock, err := s.locks.Lock(ctx, slices.Compact(tenants)...)
	if err != nil {
		return nil, notMade(fmt.Errorf("etcd: waiting for other writes of the tenants: %w", err))
	}
	defer unlock()
	var recorded records.Detail
	for round := 0; ; round++ {
		before, err := s.readPreconditions(ctx, writes)
		if err != nil {
			return nil, notMade(err)
		}
		t := s.plan(ctx, before, writes, recorded)
		if len(t.changes) == 0 {
			return t, nil
		}
		if recorded == records.Whole && !s.hasSpaceForRecords(ctx, t) {
			recorded = records.Counts
			continue
		}
		err = s.commit(ctx, t)
		removed := false
		if failed, ok := errors.AsType[*store.WriteError](err); ok && byRemovals && failed.NotMade && failed.Cause == store.CauseNoSpace {
			removed, err = true, s.commitRemovals(ctx, t, err) // which adds a late record
		}
		if err == nil && !removed && recorded == records.None && s.isRecordDue(ctx, t) {
			s.late.Lose()
		}
		switch {
		case connection.IsTooLarge(err) && len(writes) == 1 && recorded < records.None:
			recorded++ // the write is more important than its record
			continue
		case connection.IsTooLarge(err) && len(writes) == 1:
			// The cluster's limit is unknown, but lower than this.
			t.refused[0] = &store.LimitError{What: store.LimitBytes, Max: t.bytes - 1}
			return t, nil
		case !errors.Is(err, errConflict):
			return t, err
		}
		if err := connection.WaitRetry(ctx, round); err != nil {
			return nil, notMade(fmt.Errorf("%w: %w", errConflict, err))
		}
	}
}
