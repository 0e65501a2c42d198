package refusals

import (
	"container/heap"
	"hash/maphash"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// A stranger chooses the origins, the paths, and among the tenants. With these bounds,
// everything takes at most 4 MB.
const (
	maxOfTenant = store.MaxRefusals
	maxEntries  = 10_000  // of all tenants
	maxText     = 1 << 20 // bytes of their origins and paths
	maxPath     = 128     // bytes; longer ones are truncated
)

// recent has the refusals that were not written to the store yet. Those that were
// written stay as long as there is room, so that a known origin costs no allocation.
//
// If a tenant has more than there is room for, the most frequent since the last write
// stay (the Space-Saving algorithm of Metwally, Agrawal and El Abbadi). If all tenants
// together have more, those of the tenant with the most make room.
type recent struct {
	seed    maphash.Seed
	dropped atomic.Uint64 // requests

	mu      sync.Mutex
	entries map[uint64]*entry // by their hash
	tenants map[string]*tenant
	bySize  tenantHeap // all tenants that have entries
	text    int        // bytes of origins and paths
	turns   uint64     // how often a tenant began to wait
}

// tenant is a tenant with entries.
type tenant struct {
	id      string
	entries entryHeap
	index   int // in bySize
	// turn orders the tenants that wait to be written. 0 is not waiting.
	turn uint64
}

// entry is an origin that was refused for one reason. Its count is 0 after it was
// written.
type entry struct {
	hash   uint64
	tenant *tenant
	index  int    // in the heap of the tenant
	origin []byte // a copy, since the original keeps the whole header in memory
	reason origins.Reason
	count  uint64
	// weight is the count, plus the weight of the entry that this one replaced.
	weight      uint64
	first, last int64 // in seconds since 1970
	method      string
	path        []byte
	agent       string
	ownHost     bool
}

func newRecent() *recent {
	return &recent{seed: maphash.MakeSeed(), entries: map[uint64]*entry{}, tenants: map[string]*tenant{}}
}

// hashOf returns the hash of an entry. Nobody can provoke that two are the same.
func (r *recent) hashOf(tenant, origin string, reason origins.Reason) uint64 {
	hash := maphash.String(r.seed, origin)
	hash = bits.RotateLeft64(hash, 21) ^ maphash.String(r.seed, tenant)
	return bits.RotateLeft64(hash, 21) ^ maphash.String(r.seed, string(reason))
}

func (e *entry) is(tenant, origin string, reason origins.Reason) bool {
	return string(e.origin) == origin && e.tenant.id == tenant && e.reason == reason
}

// record counts a request.
func (r *recent) record(tenant string, request *Request) {
	origin, path := request.Origin[:min(len(request.Origin), origins.MaxLength)], request.Path[:min(len(request.Path), maxPath)]
	hash := r.hashOf(tenant, origin, request.Reason)
	now := request.Time.Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[hash]
	if e == nil {
		e = r.add(hash, tenant, origin, request.Reason, len(path))
	} else if !e.is(tenant, origin, request.Reason) {
		return
	}
	if e.count == 0 {
		e.first = now
	}
	e.count++
	e.weight++
	e.last, e.ownHost, e.method, e.agent = now, request.OwnHost, boundedMethod(request.Method), request.Agent
	heap.Fix(&e.tenant.entries, e.index)
	r.wait(e.tenant)
	setPath(r, e, path)
}

// setPath sets the path of an entry. If there is no room for it, entries are evicted,
// perhaps this one.
func setPath[text string | []byte](r *recent, e *entry, path text) {
	r.text -= cap(e.path)
	e.path = append(e.path[:0], path...)
	r.text += cap(e.path)
	for r.text > maxText {
		r.evict(r.bySize[0].entries[0])
	}
}

// wait makes a tenant wait to be written.
func (r *recent) wait(t *tenant) {
	if t.turn == 0 {
		r.turns++
		t.turn = r.turns
	}
}

// add adds an entry, and makes room for it and a path of that length.
func (r *recent) add(hash uint64, id, origin string, reason origins.Reason, path int) *entry {
	var e *entry
	weight := uint64(0)
	for {
		t := r.tenants[id]
		if full := t != nil && len(t.entries) >= maxOfTenant; !full {
			if len(r.entries) < maxEntries && r.text+len(origin)+path <= maxText {
				break
			}
			t = r.bySize[0]
		}
		e = t.entries[0]
		if r.evict(e); t.id == id {
			weight = e.weight
		}
	}
	t := r.tenants[id]
	if t == nil {
		t = &tenant{id: strings.Clone(id)}
		r.tenants[t.id] = t
		heap.Push(&r.bySize, t)
	}
	if e == nil {
		e = new(entry)
	}
	*e = entry{
		hash: hash, tenant: t, origin: append(reuse(e.origin, len(origin)), origin...), reason: reason,
		weight: weight, path: reuse(e.path, path),
	}
	r.entries[hash] = e
	heap.Push(&t.entries, e)
	heap.Fix(&r.bySize, t.index)
	r.text += cap(e.origin) + cap(e.path)
	return e
}

// reuse returns the memory of an evicted text for n bytes, or nil if they would waste
// most of it: after a flood of long texts there is room for as many short ones again.
func reuse(text []byte, n int) []byte {
	if cap(text) > 2*max(n, 32) {
		return nil
	}
	return text[:0]
}

// evict removes an entry, and its tenant if that has no other.
func (r *recent) evict(e *entry) {
	t := e.tenant
	r.dropped.Add(e.count)
	r.text -= cap(e.origin) + cap(e.path)
	delete(r.entries, e.hash)
	heap.Remove(&t.entries, e.index)
	if len(t.entries) > 0 {
		heap.Fix(&r.bySize, t.index)
		return
	}
	heap.Remove(&r.bySize, t.index)
	delete(r.tenants, t.id)
}

// refusal returns the refusal of an entry.
func (e *entry) refusal() store.Refusal {
	return store.Refusal{
		Origin: validText(string(e.origin), origins.MaxLength), Reason: e.reason, Count: e.count,
		First: time.Unix(e.first, 0).UTC(), Last: time.Unix(e.last, 0).UTC(),
		Method: e.method, Path: validText(string(e.path), maxPath), Agent: e.agent, OwnHost: e.ownHost,
	}
}

// validText returns s in valid UTF-8, and at most n bytes of it.
func validText(s string, n int) string {
	if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// boundedMethod returns the method if it is a standard one, or other.
func boundedMethod(method string) string {
	for _, known := range [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		if method == known {
			return known
		}
	}
	return "other"
}
