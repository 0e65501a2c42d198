package origins

import (
	"hash/maphash"
	"iter"
	"weak"
)

// Part is one web integration's part of a List.
type Part struct {
	ID string
	// Revision is the store's revision of the integration's last change.
	Revision uint64
	// Origins are entries in canonical form, as Patterns.ParseEntry returns them.
	// Duplicates count once.
	Origins []string
}

// Change is a committed change of a tenant's web integration: its contents as of
// Revision.
type Change struct {
	Tenant string
	Part
	// Deleted says that the integration was deleted. Origins is then ignored.
	Deleted bool
}

// List holds all origins of a tenant at one moment. It is immutable and may be
// used concurrently.
type List struct {
	seed       maphash.Seed
	completeTo uint64       // every change up to this revision is contained
	newest     uint64       // the greatest revision of a change; one up to completeTo means nothing
	parts      trie[*part]  // by id, including deleted ones
	union      trie[int32]  // every entry, with the number of parts that have it
	patterns   patternIndex // the entries that are patterns
	origins    int          // the sum over the parts
	deleted    int          // the number of deleted parts
	stale      bool         // made by StaleList
}

// part is an integration at its own revision. A deleted one is kept, so that an
// older change that arrives late cannot restore it.
type part struct {
	revision uint64
	origins  trie[struct{}]
	patterns int // of the origins
	deleted  bool
}

func (p *part) has(hash uint64, entry string) bool {
	_, ok := p.origins.get(hash, entry)
	return ok
}

// NewList returns the list of a tenant with these web integrations, which were read
// at revision. Of several parts with the same id it takes the newest.
func NewList(revision uint64, parts []Part) *List {
	l := &List{seed: maphash.MakeSeed(), completeTo: revision}
	byID := make([]item[*part], len(parts))
	total := 0
	for i, p := range parts {
		byID[i] = item[*part]{l.hash(p.ID), p.ID, l.newPart(p)}
		total += len(p.Origins)
	}
	l.parts = newTrie(byID, func(into **part, p *part) {
		if p.revision > (*into).revision {
			*into = p
		}
	})
	union := make([]item[int32], 0, total)
	for p := range l.parts.all() {
		l.origins += p.value.origins.size
		for o := range p.value.origins.all() {
			union = append(union, item[int32]{o.hash, o.key, 1})
		}
	}
	l.union = newTrie(union, func(into *int32, n int32) { *into += n })
	var patterns []string
	for p := range l.parts.all() {
		patterns = append(patterns, p.value.listPatterns()...)
	}
	l.patterns = newPatternIndex(l.seed, patterns)
	return l
}

func (p *part) listPatterns() []string {
	if p.patterns == 0 {
		return nil
	}
	all := make([]string, 0, p.patterns)
	for o := range p.origins.all() {
		if isPattern(o.key) {
			all = append(all, o.key)
		}
	}
	return all
}

// StaleList returns an empty list that stands for one too old to decide by. The
// reason of decisions by it is ListStale.
func StaleList() *List {
	l := NewList(0, nil)
	l.stale = true
	return l
}

func (l *List) newPart(p Part) *part {
	items := make([]item[struct{}], len(p.Origins))
	patterns := 0
	for i, o := range p.Origins {
		items[i] = item[struct{}]{hash: l.hash(o), key: o}
		if isPattern(o) {
			patterns++
		}
	}
	return &part{revision: p.Revision, origins: newTrie(items, func(*struct{}, struct{}) {}), patterns: patterns}
}

func (l *List) hash(s string) uint64 { return maphash.String(l.seed, s) }

// Contains reports whether any web integration of the tenant contains origin by its
// name. See Match for patterns.
func (l *List) Contains(origin string) bool {
	_, ok := l.union.get(l.hash(origin), origin)
	return ok
}

// PartContains reports whether the tenant has the web integration id, and whether
// it contains origin by its name.
func (l *List) PartContains(id, origin string) (known, listed bool) {
	p, ok := l.parts.get(l.hash(id), id)
	if !ok || p.deleted {
		return false, false
	}
	_, listed = p.origins.get(l.hash(origin), origin)
	return true, listed
}

// Match reports whether any web integration of the tenant lists a well-formed origin,
// by its name or by a pattern that allowed permits. pattern is "" if the origin is
// listed by its name. Otherwise it is the pattern that matches the origin, if any; if
// the origin is not listed, allowed does not permit that pattern.
func (l *List) Match(origin string, allowed Patterns) (listed bool, pattern string) {
	if l.Contains(origin) {
		return true, ""
	}
	return l.matchPattern(origin, allowed, nil)
}

// PartMatch reports whether the tenant has the web integration id, and is like Match
// for that one alone.
func (l *List) PartMatch(id, origin string, allowed Patterns) (known, listed bool, pattern string) {
	p, ok := l.parts.get(l.hash(id), id)
	if !ok || p.deleted {
		return false, false, ""
	}
	if p.has(l.hash(origin), origin) {
		return true, true, ""
	}
	listed, pattern = l.matchPattern(origin, allowed, p)
	return true, listed, pattern
}

// Deletions returns the number of deleted web integrations that the list keeps, so
// that an older change that arrives late cannot restore one.
func (l *List) Deletions() int { return l.deleted }

// Len returns the number of origins, summed over all web integrations.
func (l *List) Len() int { return l.origins }

// Revision returns the revision of the newest change in the list.
func (l *List) Revision() uint64 { return max(l.completeTo, l.newest) }

// CompleteTo returns the revision up to which the list contains every change. Of
// the later ones some may be missing.
func (l *List) CompleteTo() uint64 { return l.completeTo }

// Changes yields the last change of each web integration of the tenant, including
// deleted ones. RestoreList makes the list again from these and CompleteTo.
func (l *List) Changes(tenant string) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for p := range l.parts.all() {
			if !yield(p.value.change(tenant, p.key)) {
				return
			}
		}
	}
}

// RestoreList returns the list that had this CompleteTo and these Changes.
func RestoreList(complete uint64, changes []Change) *List {
	var parts []Part
	for _, c := range changes {
		if !c.Deleted {
			parts = append(parts, c.Part)
		}
	}
	l := NewList(complete, parts)
	for _, c := range changes {
		l.newest = max(l.newest, c.Revision)
		if c.Deleted {
			l = l.With(c)
		}
	}
	return l
}

// With returns the list after c. Changes may arrive late and in any order: With
// returns l if it contains c already, or a newer change of that integration. The
// cost depends on the size of the change, not on that of the list.
func (l *List) With(c Change) *List {
	id := l.hash(c.ID)
	old, known := l.parts.get(id, c.ID)
	if c.Revision <= l.completeTo || known && c.Revision <= old.revision {
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
	next.newest = max(l.newest, c.Revision)
	next.parts = l.parts.with(id, c.ID, made)
	next.origins += made.origins.size - old.origins.size
	if made.deleted {
		next.deleted++
	}
	if old.deleted {
		next.deleted--
	}
	next.replacePart(old, made)
	return &next
}

// replacePart changes union and patterns after one part has changed from old to made.
// It does not touch entries that are in both.
func (l *List) replacePart(old, made *part) {
	mayHavePatterns := old.patterns+made.patterns > 0
	for o := range old.origins.all() {
		if made.has(o.hash, o.key) {
			continue
		}
		if n, _ := l.union.get(o.hash, o.key); n > 1 {
			l.union = l.union.with(o.hash, o.key, n-1)
			continue
		}
		l.union = l.union.without(o.hash, o.key)
		if mayHavePatterns && isPattern(o.key) {
			l.patterns = l.patterns.without(l.seed, o.key)
		}
	}
	for o := range made.origins.all() {
		if old.has(o.hash, o.key) {
			continue
		}
		n, _ := l.union.get(o.hash, o.key)
		l.union = l.union.with(o.hash, o.key, n+1)
		if mayHavePatterns && isPattern(o.key) {
			l.patterns = l.patterns.with(l.seed, o.key)
		}
	}
}

// Version identifies a List's part of one web integration. Two versions are equal
// only if the lists share that part. A Version does not keep the part in memory.
// No part has the zero Version.
type Version struct{ part weak.Pointer[part] }

// Versions yields the version of each web integration of the tenant, including
// deleted ones, by id.
func (l *List) Versions() iter.Seq2[string, Version] {
	return func(yield func(string, Version) bool) {
		for p := range l.parts.all() {
			if !yield(p.key, Version{weak.Make(p.value)}) {
				return
			}
		}
	}
}

// Change returns the last change of the web integration id, if the list has it.
func (l *List) Change(tenant, id string) (c Change, ok bool) {
	p, ok := l.parts.get(l.hash(id), id)
	if !ok {
		return Change{}, false
	}
	return p.change(tenant, id), true
}

func (p *part) change(tenant, id string) Change {
	c := Change{Tenant: tenant, Part: Part{ID: id, Revision: p.revision}, Deleted: p.deleted}
	c.Origins = make([]string, 0, p.origins.size)
	for o := range p.origins.all() {
		c.Origins = append(c.Origins, o.key)
	}
	return c
}
