package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

const (
	// mostOps is what etcd takes in one transaction unless it is told otherwise,
	// and mostTogether how many creations for one tenant these are.
	mostOps      = 128
	mostTogether = 31
)

// Batch implements store.Store. A commit is of some 30 writes, of fewer if they
// are large, and never of two to one web integration.
func (s *Store) Batch(ctx context.Context, writes []store.Write) (refused []error, err error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	most := mostTogether
	for len(refused) < len(writes) {
		next := together(writes[len(refused):], most)
		some, err := s.writeTogether(ctx, next)
		switch {
		case err == nil:
			refused = append(refused, some...)
		case len(next) > 1 && (tooLarge(err) || errors.Is(err, rpctypes.ErrTooManyOps)):
			most = len(next) / 2 // a cluster that was told to take less
		default:
			return refused, err
		}
	}
	return refused, nil
}

// together returns the first writes, at most so many, that are to different ids.
func together(writes []store.Write, most int) []store.Write {
	ids := map[string]bool{}
	for i, w := range writes[:min(most, len(writes))] {
		if ids[w.ID] {
			return writes[:i]
		}
		ids[w.ID] = true
	}
	return writes[:len(ids)]
}

// writeTogether makes the first of the writes in one commit, as many as fit into
// it. It returns for each of them what it was refused with, or nil.
func (s *Store) writeTogether(ctx context.Context, writes []store.Write) (refused []error, err error) {
	end, err := s.turns.takeAll(ctx, tenantsOf(writes))
	if err != nil {
		return nil, fmt.Errorf("etcd: waiting for other writes of the tenants: %w", err)
	}
	defer end()
	for round := 0; ; round++ {
		were, err := s.lookAtAll(ctx, writes)
		if err != nil {
			return nil, err
		}
		d := s.draft(were, writes)
		if d.first == nil {
			return d.refused, nil
		}
		if d.growing > 0 {
			if err := s.hasRoomFor(ctx, d.growing); err != nil {
				return nil, err
			}
		}
		if err = s.writeBack(ctx, d.first.moment); err == nil {
			_, err = s.commit(ctx, d.first, d.write, d.request())
		}
		switch {
		case tooLarge(err) && len(writes) == 1:
			return []error{&store.LimitError{What: LimitBytes, Max: d.bytes - 1}}, nil
		case !errors.Is(err, errConflict):
			return d.refused, err
		}
		if err := pause(ctx, round); err != nil {
			return nil, fmt.Errorf("%w: %w", errConflict, err)
		}
	}
}

// tenantsOf are those of the writes, each once and in order.
func tenantsOf(writes []store.Write) []string {
	var all []string
	for _, w := range writes {
		all = append(all, w.Tenant)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lookAtAll is look for the web integrations of several writes, all at one
// moment.
func (s *Store) lookAtAll(ctx context.Context, writes []store.Write) ([]*scene, error) {
	tenants := tenantsOf(writes)
	var ops []clientv3.Op
	for _, tenant := range tenants {
		ops = append(ops, clientv3.OpGet(s.keys.tenant(tenant)))
	}
	for _, w := range writes {
		ops = append(ops, clientv3.OpGet(s.keys.integration(w.Tenant, w.ID)), clientv3.OpGet(s.keys.owner(w.ID), clientv3.WithKeysOnly()))
	}
	now, found, err := s.read(ctx, ops...)
	if err != nil {
		return nil, err
	}
	all := make([]*scene, len(writes))
	for i, w := range writes {
		tenant, _ := slices.BinarySearch(tenants, w.Tenant)
		at := len(tenants) + 2*i
		if all[i], err = sceneOf(now, w.Tenant, w.ID, found.only(tenant), found.only(at), found.only(at+1)); err != nil {
			return nil, err
		}
	}
	return all, nil
}
