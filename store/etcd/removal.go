package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/connection"
	"originwarden/store/etcd/records"
	"originwarden/store/etcd/schema"
)

// removals returns the hashes of the entries that the change removes. {0} deletes the
// web integration; nil means that removals cannot make the change. An edit must do
// nothing but remove entries, every occurrence of each. The time of the last update is
// not kept.
func (c *change) removals() (hashes []uint64) {
	before, after := c.before.integration, c.after
	if after == nil {
		return []uint64{0}
	}
	if before == nil || before.Name != after.Name || before.CreatedBy != after.CreatedBy || !before.Created.Equal(after.Created) {
		return nil
	}
	stays := make(map[string]bool, len(after.ValidOrigins))
	for _, entry := range after.ValidOrigins {
		stays[entry] = true
	}
	var left []string
	for _, entry := range before.ValidOrigins {
		if stays[entry] {
			left = append(left, entry)
		} else if hash := c.before.hash(entry); !slices.Contains(hashes, hash) {
			if hashes = append(hashes, hash); len(hashes) > schema.Slots {
				return nil
			}
		}
	}
	if !slices.Equal(left, after.ValidOrigins) {
		return nil
	}
	return hashes
}

func (p *preconditions) hash(entry string) uint64 { return schema.EntryHash(p.tenant, p.id, entry) }

// lacks reports whether the entry with the hash is gone, or the whole web integration;
// the hash 0 is that of no entry.
func (p *preconditions) lacks(hash uint64) bool {
	return p.integration == nil || hash != 0 && !slices.ContainsFunc(p.integration.ValidOrigins, func(entry string) bool {
		return p.hash(entry) == hash
	})
}

// errOvertaken reports that another process changed the web integration between
// two removals.
var errOvertaken = errors.New("etcd: another write came between the removals")

// commitRemovals makes the one change of a transaction by removals, one after
// another, so that some may be made when it fails: those are recorded too. It returns
// refusal if removals cannot make the change.
func (s *Store) commitRemovals(ctx context.Context, t *transaction, refusal error) error {
	c := t.changes[0]
	at, hashes := c.before, c.removals()
	if len(hashes) == 0 || len(hashes) > at.FreeSlots() {
		return refusal
	}
	record := func(after *store.WebIntegration, revision uint64) {
		r := records.New(ctx, s.history, c.before.integration, after, records.Whole)
		r.Revision = revision
		s.late.Add(r)
	}
	for i, hash := range hashes {
		after, err := s.makeRemoval(ctx, at, hash, i > 0)
		if err != nil {
			if i > 0 {
				record(at.integration, at.Revision)
			}
			return err
		}
		at = after
	}
	t.revision = at.Revision
	record(c.after, at.Revision)
	if c.after != nil {
		if at.integration == nil {
			return &store.WriteError{Cause: store.CauseOther, Err: errOvertaken}
		}
		c.after = at.integration // which may have fewer entries than the change would leave
	}
	return nil
}

// makeRemoval makes a removal and returns what is there after it. started says that a
// part of the change may be made: then the rest is completed, not planned again.
func (s *Store) makeRemoval(ctx context.Context, at *preconditions, hash uint64, started bool) (*preconditions, error) {
	for round := 0; ; round++ {
		if at.FreeSlots() == 0 { // others have used those that commitRemovals has counted
			return nil, maybeMade(fmt.Errorf("etcd: after a part of the write: %w", rpctypes.ErrNoSpace))
		}
		known, _ := s.guard.Position()
		response, attempts, err := s.cluster.Send(ctx, s.removalRequest(at, hash))
		started = started || attempts > 1
		switch {
		case err != nil && !started && connection.IsFinal(err):
			return nil, notMade(err)
		case err != nil:
			return nil, maybeMade(err)
		case response.Succeeded:
			after := at.afterRemoval(hash)
			return after, s.guard.Check(known, after.Position)
		case !started:
			return nil, errConflict
		}
		found, err := s.readPreconditions(ctx, []store.Write{{Tenant: at.tenant, ID: at.id}})
		if err != nil {
			return nil, maybeMade(err)
		}
		now := found[0]
		switch {
		case now.lacks(hash):
			return now, nil
		case now.integrationRevision != at.integrationRevision:
			return nil, &store.WriteError{Cause: store.CauseOther, Err: errOvertaken}
		}
		at = now
		if err := connection.WaitRetry(ctx, round); err != nil {
			return nil, maybeMade(err)
		}
	}
}

// removalRequest returns the transaction of a removal. Only one copy of it can
// succeed.
func (s *Store) removalRequest(at *preconditions, hash uint64) connection.Request {
	slot := schema.Slots - at.FreeSlots()
	ops := []clientv3.Op{clientv3.OpDelete(s.keys.NoRemovals()), clientv3.OpDelete(s.keys.FreeSlot(slot))}
	if hash == 0 {
		ops = append(ops, s.changeOps(&change{before: at})...)
	}
	ops = append(ops, s.keys.DeleteBits(slot, hash)...)
	return connection.Request{If: append(at.IfUnchanged(s.keys), at.ifSameIntegration(s.keys)), Then: ops}
}

// afterRemoval returns the preconditions after a removal, if nothing else has changed.
func (p *preconditions) afterRemoval(hash uint64) *preconditions {
	after := *p
	after.NoRemovalsRevision, after.Revision, after.Removals = 0, p.Revision+1, p.Removals.With(hash)
	if hash == 0 {
		after.integration = nil
		return &after
	}
	after.integration = p.integration.Clone()
	after.ApplyRemovals(after.integration)
	return &after
}
