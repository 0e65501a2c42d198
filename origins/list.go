package origins

import (
	"hash/maphash"
	"iter"
)

// Part is one web integration as a List needs it.
type Part struct {
	ID string
	// Revision is the store's revision of the integration's last change.
	Revision uint64
	// Origins are in canonical form, as ParseEntry returns them; doubles count
	// once.
	Origins []string
}

// Change is one committed change of a tenant's web integration: what the
// integration is from its Revision on.
type Change struct {
	Tenant string
	Part
	// Deleted says that the integration is gone, whatever Origins holds.
	Deleted bool
}

// List is what a tenant's web integrations list, at one moment. It is
// immutable and may be used concurrently.
type List struct {
	seed    maphash.Seed
	loaded  uint64      // every change up to this revision is contained
	changed uint64      // the newest change that came after it
	parts   trie[*part] // by id, the deleted ones too
	union   trie[int32] // every listed origin, and how many parts list it
	origins int         // the sum over the parts
	deleted int         // parts that are only remembered
	stale   bool        // it stands for a list that is too old to decide by
}

// part is an integration at its own revision. A deleted one is remembered, so
// that an older change which comes late cannot bring it back.
type part struct {
	revision uint64
	origins  trie[struct{}]
	deleted  bool
}

// NewList returns the list of a tenant whose web integrations, read together
// at revision, are parts. Of parts with the same id the newest counts.
func NewList(revision uint64, parts []Part) *List {
	l := &List{seed: maphash.MakeSeed(), loaded: revision}
	byID := make([]entry[*part], len(parts))
	total := 0
	for i, p := range parts {
		byID[i] = entry[*part]{l.hash(p.ID), p.ID, l.newPart(p)}
		total += len(p.Origins)
	}
	l.parts = newTrie(byID, func(into **part, p *part) {
		if p.revision > (*into).revision {
			*into = p
		}
	})
	union := make([]entry[int32], 0, total)
	for p := range l.parts.all() {
		l.origins += p.value.origins.size
		for o := range p.value.origins.all() {
			union = append(union, entry[int32]{o.hash, o.key, 1})
		}
	}
	l.union = newTrie(union, func(into *int32, n int32) { *into += n })
	return l
}

// StaleList stands for a list that is too old to decide by: decisions have the
// reason ListStale. It lists nothing.
func StaleList() *List {
	l := NewList(0, nil)
	l.stale = true
	return l
}

func (l *List) newPart(p Part) *part {
	entries := make([]entry[struct{}], len(p.Origins))
	for i, o := range p.Origins {
		entries[i] = entry[struct{}]{hash: l.hash(o), key: o}
	}
	return &part{revision: p.Revision, origins: newTrie(entries, func(*struct{}, struct{}) {})}
}

func (l *List) hash(s string) uint64 { return maphash.String(l.seed, s) }

// Contains reports whether any of the tenant's web integrations lists origin.
func (l *List) Contains(origin string) bool {
	_, ok := l.union.get(l.hash(origin), origin)
	return ok
}

// PartContains reports whether the tenant has the web integration id, and whether
// that one lists origin.
func (l *List) PartContains(id, origin string) (known, listed bool) {
	p, ok := l.parts.get(l.hash(id), id)
	if !ok || p.deleted {
		return false, false
	}
	_, listed = p.origins.get(l.hash(origin), origin)
	return true, listed
}

// Deletions is how many deleted web integrations the list remembers, so that an
// older change which comes late cannot bring one back.
func (l *List) Deletions() int { return l.deleted }

// Len is the number of origins over all web integrations: what the list weighs
// in a cache.
func (l *List) Len() int { return l.origins }

// Revision is the newest revision that the list contains.
func (l *List) Revision() uint64 { return max(l.loaded, l.changed) }

// CompleteTo is the revision up to which every change is contained. Newer ones
// may be missing between those that are contained.
func (l *List) CompleteTo() uint64 { return l.loaded }

// Changes are the last change of each of the tenant's web integrations, and the
// deletions that are remembered. With CompleteTo they make the list again, by
// RestoreList.
func (l *List) Changes(tenant string) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for p := range l.parts.all() {
			if !yield(p.value.change(tenant, p.key)) {
				return
			}
		}
	}
}

// RestoreList returns the list of which CompleteTo and Changes were written down.
func RestoreList(complete uint64, changes []Change) *List {
	var parts []Part
	for _, c := range changes {
		if !c.Deleted {
			parts = append(parts, c.Part)
		}
	}
	l := NewList(complete, parts)
	for _, c := range changes {
		if l.changed = max(l.changed, c.Revision); c.Deleted {
			l = l.With(c)
		}
	}
	return l
}

// With returns the list after c. A change that the list contains, or that is
// older than what it has of that integration, leaves it as it is: changes may
// come late and in any order. The cost is that of the change, not of the list.
func (l *List) With(c Change) *List {
	id := l.hash(c.ID)
	old, known := l.parts.get(id, c.ID)
	if c.Revision <= l.loaded || known && c.Revision <= old.revision {
		return l
	}
	if !known {
		old = &part{}
	}
	if c.Deleted {
		c.Origins = nil
	}
	made := l.newPart(c.Part)
	made.deleted = c.Deleted

	next := *l
	next.changed = max(l.changed, c.Revision)
	next.parts = l.parts.with(id, c.ID, made)
	next.origins += made.origins.size - old.origins.size
	next.deleted += count(made.deleted) - count(old.deleted)
	next.union = exchange(l.union, old.origins, made.origins)
	return &next
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// exchange returns the counts u after one part has gone from old to made.
// Origins that are in both are not touched.
func exchange(u trie[int32], old, made trie[struct{}]) trie[int32] {
	for o := range old.all() {
		if _, stays := made.get(o.hash, o.key); stays {
			continue
		}
		if n, _ := u.get(o.hash, o.key); n > 1 {
			u = u.with(o.hash, o.key, n-1)
		} else {
			u = u.without(o.hash, o.key)
		}
	}
	for o := range made.all() {
		if _, stayed := old.get(o.hash, o.key); !stayed {
			n, _ := u.get(o.hash, o.key)
			u = u.with(o.hash, o.key, n+1)
		}
	}
	return u
}
