package etcd

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"originwarden/store"
)

// A withdrawal takes an origin off a list, or deletes a web integration, in a
// cluster whose NOSPACE alarm is on. etcd then refuses every transaction that
// puts a key, but not one that only deletes. So a store has a pool of keys that
// were put beforehand, and which of them are deleted is what is written:
//
//	w/none       is there while nothing is withdrawn
//	w/pool       is there once the pool is made; put by whoever writes back
//	w/SLOT/free  of slots 00, 01, …: is there until the slot is spent
//	w/SLOT/BIT   of bits 00 to 63
//
// A withdrawal is one transaction. It spends the first free slot, by deleting
// its key free, and w/none. That of a web integration deletes the keys of this
// as well. That of one origin deletes the bits that are ones in withdrawnOrigin,
// which says to every reader that it is not listed any more.
//
// The store's revision is that of head and the number of spent slots. So it is
// the same to all readers and increases with every withdrawal, and is at most
// etcd's own revision, which every transaction increases.
//
// The next write that etcd takes is preceded by writing back: what was withdrawn
// is written as it would have been with space, without head, and then all keys
// of the pool are put, with head. Nothing but revisions changes by that.
type withdrawals struct {
	spent   int           // slots
	origins [slots]uint64 // by slot, which of its bits are deleted: none for a web integration
}

// slots is how many withdrawals there can be until they are written back.
const slots = 32

// withdrawnOrigin is what stands for an entry of a list. It is never 0.
func withdrawnOrigin(tenant, id, entry string) uint64 {
	var text []byte
	for _, part := range []string{tenant, id, entry} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:]) | 1
}

// integrations is how many web integrations were withdrawn, at most.
func (w *withdrawals) integrations() int {
	all := 0
	for _, origin := range w.origins[:w.spent] {
		if origin == 0 {
			all++
		}
	}
	return all
}

// and returns what is withdrawn after one more.
func (w *withdrawals) and(origin uint64) *withdrawals {
	var all withdrawals
	if w != nil {
		all = *w
	}
	all.origins[all.spent] = origin
	all.spent++
	return &all
}

// freeSlots is how many withdrawals there can be now.
func (m *moment) freeSlots() int {
	switch {
	case m.withdrawn != nil:
		return slots - m.withdrawn.spent
	case m.none != 0:
		return slots
	}
	return 0 // there is no pool
}

// without takes the withdrawn origins off a list that is kept, and reports
// whether there were any. Until they are written back the web integration is at
// the revision of the store, which increases with each.
func (m *moment) without(w *store.WebIntegration) bool {
	if m.withdrawn == nil {
		return false
	}
	had := len(w.ValidOrigins)
	if origins := m.withdrawn.origins[:m.withdrawn.spent]; m.withdrawn.integrations() < len(origins) {
		w.ValidOrigins = slices.DeleteFunc(w.ValidOrigins, func(entry string) bool {
			return slices.Contains(origins, withdrawnOrigin(w.TenantID, w.ID, entry))
		})
	}
	less := len(w.ValidOrigins) < had
	if less || w.Revision > m.head {
		w.Revision = m.Revision
	}
	return less
}

// lacksNothing reports whether so many web integrations, with so many origins,
// can be what is kept of a tenant.
func (m *moment) lacksNothing(has tenantValue, integrations, origins int) bool {
	if m.withdrawn == nil {
		return integrations == has.Integrations && origins == has.Origins
	}
	lacking := has.Integrations - integrations
	return 0 <= lacking && lacking <= m.withdrawn.integrations() && origins <= has.Origins
}
