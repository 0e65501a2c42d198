package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

// withdrawal is a withdrawal of one entry of a web integration's list, or of the
// whole.
type withdrawal struct {
	whole bool
	entry string
}

// withdrawals are those that make the change, or none if it cannot be made so.
// An edit may do nothing but take entries away, each of them as often as it
// stands there; the time of the last update is not kept.
func (c *change) withdrawals() (all []withdrawal) {
	if c.is == nil {
		return []withdrawal{{whole: true}}
	}
	if c.was == nil || c.was.Name != c.is.Name || c.was.CreatedBy != c.is.CreatedBy || !c.was.Created.Equal(c.is.Created) {
		return nil
	}
	stays := make(map[string]bool, len(c.is.ValidOrigins))
	for _, entry := range c.is.ValidOrigins {
		stays[entry] = true
	}
	var left []string
	for _, entry := range c.was.ValidOrigins {
		if w := (withdrawal{entry: entry}); stays[entry] {
			left = append(left, entry)
		} else if !slices.Contains(all, w) {
			if all = append(all, w); len(all) > slots {
				return nil
			}
		}
	}
	if !slices.Equal(left, c.is.ValidOrigins) {
		return nil
	}
	return all
}

// isWithoutSpace reports whether a write was refused for want of space.
func isWithoutSpace(err error) bool {
	failed, ok := errors.AsType[*store.WriteError](err)
	return ok && failed.NotMade && failed.Cause == store.CauseNoSpace
}

// withdraw makes a change that was refused for want of space, if withdrawals can
// make it; if not, the error is the refusal. Several are made one after another,
// so that an error may leave some of them made.
func (s *Store) withdraw(ctx context.Context, was *scene, c *change, refusal error) (revision uint64, err error) {
	all := c.withdrawals()
	if len(all) == 0 || len(all) > was.freeSlots() {
		return 0, refusal
	}
	for i, w := range all {
		if was, err = s.withdrawOne(ctx, was, w, i > 0); err != nil {
			return 0, err
		}
	}
	if c.is != nil {
		if was.was == nil {
			return 0, &store.WriteError{Cause: store.CauseOther, Err: errOvertaken}
		}
		*c.is = *was.was // which may lack more than the change would have
	}
	return was.Revision, nil
}

var errOvertaken = errors.New("etcd: written to while origins were taken off one by one")

// withdrawOne returns what is there after it. Once a part of a change may be made,
// the rest is not planned again, but brought to an end: begun says so.
func (s *Store) withdrawOne(ctx context.Context, was *scene, w withdrawal, begun bool) (*scene, error) {
	for round := 0; ; round++ {
		knew := s.bond.position()
		done, times, err := s.send(ctx, s.spend(was, w))
		begun = begun || times > 1
		switch {
		case err != nil:
			return nil, &store.WriteError{Cause: causeOf(err), NotMade: !begun && lasting(err), Err: err}
		case done.Succeeded:
			is := was.after(w)
			return is, s.bond.meet(knew, is.Position)
		case !begun:
			return nil, errConflict
		}
		is, err := s.look(ctx, was.tenant, was.id)
		switch {
		case err != nil:
			return nil, &store.WriteError{Cause: causeOf(err), Err: err}
		case is.lacks(w):
			return is, nil
		case is.mod != was.mod:
			return nil, &store.WriteError{Cause: store.CauseOther, Err: errOvertaken}
		case is.freeSlots() == 0:
			return nil, &store.WriteError{Cause: store.CauseNoSpace, Err: fmt.Errorf("etcd: after a part of the write: %w", rpctypes.ErrNoSpace)}
		}
		was = is
		if err := pause(ctx, round); err != nil {
			return nil, &store.WriteError{Cause: causeOf(err), Err: err}
		}
	}
}

// spend is the transaction of a withdrawal. Every other copy of it is void.
func (s *Store) spend(was *scene, w withdrawal) request {
	slot := slots - was.freeSlots()
	r := request{
		when: append(s.unchanged(&was.moment), s.sameIntegration(was), clientv3.Compare(clientv3.CreateRevision(s.keys.free(slot)), ">", 0)),
		then: []clientv3.Op{clientv3.OpDelete(s.keys.none()), clientv3.OpDelete(s.keys.free(slot))},
	}
	if w.whole {
		r.then = append(r.then, s.operations(was, &change{was: was.was})...)
		return r
	}
	for ones := withdrawnOrigin(was.tenant, was.id, w.entry); ones != 0; {
		first := bits.TrailingZeros64(ones)
		behind := first + bits.TrailingZeros64(^(ones >> first))
		r.then = append(r.then, clientv3.OpDelete(s.keys.bit(slot, first), clientv3.WithRange(s.keys.bit(slot, behind-1)+"\x00")))
		ones &= ^uint64(0) << behind
	}
	return r
}

// unchanged says that nothing at all was written to the store since.
func (s *Store) unchanged(then *moment) []clientv3.Cmp {
	return append(s.sameWithdrawals(then),
		clientv3.Compare(clientv3.Value(s.keys.identity()), "=", then.identity),
		clientv3.Compare(clientv3.ModRevision(s.keys.head()), "=", int64(then.head)))
}

// after is what there is after a withdrawal, before which nothing has changed.
func (was *scene) after(w withdrawal) *scene {
	is := *was
	is.none, is.Revision = 0, was.Revision+1
	if w.whole {
		is.withdrawn, is.was = was.withdrawn.and(0), nil
		return &is
	}
	is.withdrawn = was.withdrawn.and(withdrawnOrigin(was.tenant, was.id, w.entry))
	left := *was.was
	left.ValidOrigins = slices.Clone(left.ValidOrigins)
	is.without(&left)
	is.was = &left
	return &is
}

// lacks reports whether what was to be withdrawn is not there.
func (was *scene) lacks(w withdrawal) bool {
	return was.was == nil || !w.whole && !slices.Contains(was.was.ValidOrigins, w.entry)
}
