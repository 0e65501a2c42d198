package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
)

// Slots is the number of removals that the pool has keys for.
const Slots = 32

const slotBits = 64

// Removals are the removals that are not yet written back.
//
// A removal takes an origin off a list, or deletes a web integration, in a cluster
// whose NOSPACE alarm is on. etcd then refuses every transaction that puts a key,
// but not one that only deletes. So the store has a pool of keys that were put in
// advance, and a removal deletes some of them:
//
//	w/none       present while nothing is removed
//	w/pool       present once the pool is complete; put by writing back
//	w/SLOT/free  of slots 00, 01, …: present until the slot is used
//	w/SLOT/BIT   of bits 00 to 63
//
// A removal is one transaction. It uses the first free slot: it deletes its key
// free, and w/none. The removal of a web integration also deletes its keys. The
// removal of one origin deletes the bits that are set in the hash of the entry,
// which tells every reader to leave that entry out.
//
// The revision of the store is that of head plus the number of used slots. It is
// the same for all readers, increases with every removal, and never exceeds etcd's
// own revision, which every transaction increases.
//
// The next write that etcd accepts first writes the removals back: it puts the
// lists as a removal with space would have, without head, and then all keys of the
// pool, with head. That changes nothing but revisions.
type Removals struct {
	Used   int           // slots
	Hashes [Slots]uint64 // of the removed entries, by slot; 0 for a web integration
}

// EntryHash returns the hash of an entry of a list. It is never 0.
func EntryHash(tenant, id, entry string) uint64 {
	var text []byte
	for _, part := range []string{tenant, id, entry} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:]) | 1
}

// Integrations returns how many web integrations were removed, at most.
func (r *Removals) Integrations() int {
	n := 0
	for _, hash := range r.Hashes[:r.Used] {
		if hash == 0 {
			n++
		}
	}
	return n
}

// With returns the removals after one more. A nil r has none.
func (r *Removals) With(hash uint64) *Removals {
	var after Removals
	if r != nil {
		after = *r
	}
	after.Hashes[after.Used] = hash
	after.Used++
	return &after
}

// Apply removes entries from a list, and reports whether there were any.
func (r *Removals) Apply(w *store.WebIntegration) bool {
	before := len(w.ValidOrigins)
	w.ValidOrigins = slices.DeleteFunc(w.ValidOrigins, func(entry string) bool {
		return slices.Contains(r.Hashes[:r.Used], EntryHash(w.TenantID, w.ID, entry))
	})
	return len(w.ValidOrigins) < before
}

// Removals returns the prefix of the keys of the pool.
func (k Keys) Removals() string { return string(k) + "w/" }

// NoRemovals returns the key that is present while nothing is removed.
func (k Keys) NoRemovals() string { return k.Removals() + "none" }

// Pool returns the key that is present once the pool is complete.
func (k Keys) Pool() string { return k.Removals() + "pool" }

// FreeSlot returns the key that is present until the slot is used.
func (k Keys) FreeSlot(slot int) string { return fmt.Sprintf("%s%02d/free", k.Removals(), slot) }

func (k Keys) bit(slot, bit int) string { return fmt.Sprintf("%s%02d/%02d", k.Removals(), slot, bit) }

// PutSlots puts all slots of the pool.
func (k Keys) PutSlots() (puts []clientv3.Op) {
	for slot := range Slots {
		puts = append(puts, clientv3.OpPut(k.FreeSlot(slot), ""))
		puts = append(puts, k.PutBits(slot, ^uint64(0))...)
	}
	return puts
}

// ParseRemovals reads the removals from the keys of the pool that are present.
func (k Keys) ParseRemovals(kvs []*mvccpb.KeyValue) *Removals {
	present := make(map[string]bool, len(kvs))
	for _, kv := range kvs {
		present[string(kv.Key)] = true
	}
	r := new(Removals)
	for r.Used < Slots && !present[k.FreeSlot(r.Used)] {
		for bit := range slotBits {
			if !present[k.bit(r.Used, bit)] {
				r.Hashes[r.Used] |= 1 << bit
			}
		}
		r.Used++
	}
	return r
}

// PutBits puts the keys of the bits that are set.
func (k Keys) PutBits(slot int, set uint64) (ops []clientv3.Op) {
	for bit := range slotBits {
		if set>>bit&1 == 1 {
			ops = append(ops, clientv3.OpPut(k.bit(slot, bit), ""))
		}
	}
	return ops
}

// DeleteBits deletes the keys of the bits that are set, by one operation for bits
// that follow one another.
func (k Keys) DeleteBits(slot int, set uint64) (ops []clientv3.Op) {
	for set != 0 {
		first := bits.TrailingZeros64(set)
		end := first + bits.TrailingZeros64(^(set >> first))
		ops = append(ops, clientv3.OpDelete(k.bit(slot, first), clientv3.WithRange(k.bit(slot, end-1)+"\x00")))
		set &= ^uint64(0) << end
	}
	return ops
}
