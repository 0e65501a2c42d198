package readview

import (
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd/schema"
)

// View is one revision of etcd, and the position of the store at it.
type View struct {
	store.Position
	// EtcdRevision is etcd's own revision.
	EtcdRevision int64
	// IdentityValue is the value of the key with the identity; "" if it is missing.
	IdentityValue string
	// Write is the id of the last write, and HeadRevision its revision.
	Write        string
	HeadRevision uint64
	// NoRemovalsRevision is the create revision of the key NoRemovals, or 0.
	NoRemovalsRevision int64
	// Removals are nil if nothing is removed.
	Removals *schema.Removals
}

// FreeSlots returns how many removals can be made.
func (v *View) FreeSlots() int {
	switch {
	case v.Removals != nil:
		return schema.Slots - v.Removals.Used
	case v.NoRemovalsRevision != 0:
		return schema.Slots
	}
	return 0 // there is no pool
}

// ApplyRemovals removes the removed entries from w and reports whether there were
// any. Until they are written back, the web integration has the revision of the
// store, which increases with every removal.
func (v *View) ApplyRemovals(w *store.WebIntegration) bool {
	if v.Removals == nil {
		return false
	}
	removed := v.Removals.Apply(w)
	if removed || w.Revision > v.HeadRevision {
		w.Revision = v.Revision
	}
	return removed
}

// IsComplete reports whether the totals agree with the number of web integrations
// and origins that are kept of a tenant.
func (v *View) IsComplete(totals schema.Totals, integrations, origins int) bool {
	if v.Removals == nil {
		return integrations == totals.Integrations && origins == totals.Origins
	}
	missing := totals.Integrations - integrations
	return 0 <= missing && missing <= v.Removals.Integrations() && origins <= totals.Origins
}

// IfSameStore holds while the store is the same and not older, and no series of
// removals has begun or ended.
func (v *View) IfSameStore(keys schema.Keys) []clientv3.Cmp {
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.Value(keys.Identity()), "=", v.IdentityValue),
		clientv3.Compare(clientv3.ModRevision(keys.Head()), ">", int64(v.HeadRevision)-1),
		clientv3.Compare(clientv3.CreateRevision(keys.NoRemovals()), "=", v.NoRemovalsRevision),
	}
}

// IfUnchanged holds until the next write or removal, or until removals are written
// back. There has to be a pool.
func (v *View) IfUnchanged(keys schema.Keys) []clientv3.Cmp {
	all := append(v.IfSameStore(keys), clientv3.Compare(clientv3.ModRevision(keys.Head()), "=", int64(v.HeadRevision)))
	used := schema.Slots - v.FreeSlots()
	if used > 0 {
		all = append(all, clientv3.Compare(clientv3.CreateRevision(keys.FreeSlot(used-1)), "=", 0))
	}
	if used < schema.Slots {
		all = append(all, clientv3.Compare(clientv3.CreateRevision(keys.FreeSlot(used)), ">", 0))
	}
	return all
}

// Ranges are the results of reading operations, in their order.
type Ranges []*etcdserverpb.RangeResponse

// RangesOf returns the results of a request that only reads.
func RangesOf(response *clientv3.TxnResponse) Ranges {
	all := make(Ranges, len(response.Responses))
	for i, r := range response.Responses {
		all[i] = r.GetResponseRange()
	}
	return all
}

// First returns the first key of a result, or nil if there is none.
func (r Ranges) First(i int) *mvccpb.KeyValue {
	if kvs := r[i].Kvs; len(kvs) > 0 {
		return kvs[0]
	}
	return nil
}
