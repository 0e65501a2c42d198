package origins

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// patternIndex finds the patterns that match an origin: by its scheme and by what
// follows its first label, then by how that label begins, then by how it ends. So the
// cost depends on how many lengths these beginnings and ends have, at most 62 each,
// and not on the number of patterns. It is immutable. A "*" stands for at least one
// byte.
type patternIndex struct {
	http, https trie[affixes[affixes[indexed]]] // by tail, prefix and suffix
}

// indexed is a pattern in the index.
type indexed struct {
	entry string
	needs Patterns
}

// newPatternIndex returns the index of patterns in canonical form. Duplicates count once.
func newPatternIndex(seed maphash.Seed, entries []string) (x patternIndex) {
	var http, https []pattern
	for _, entry := range entries {
		p, problem := parsePattern(entry)
		switch {
		case problem != "": // it was valid by an earlier Public Suffix List
		case p.secure:
			https = append(https, p)
		default:
			http = append(http, p)
		}
	}
	x.http, x.https = newByTail(seed, http), newByTail(seed, https)
	return x
}

func newByTail(seed maphash.Seed, all []pattern) trie[affixes[affixes[indexed]]] {
	slices.SortFunc(all, func(a, b pattern) int {
		return cmp.Or(strings.Compare(a.tail, b.tail), strings.Compare(a.prefix, b.prefix), strings.Compare(a.suffix, b.suffix))
	})
	ofSuffix := func(same []pattern) indexed { return indexed{same[0].entry, same[0].needs} }
	ofPrefix := func(all []pattern) affixes[indexed] {
		return newAffixes(groupPatterns(seed, all, func(p *pattern) string { return p.suffix }, ofSuffix))
	}
	return newTrie(groupPatterns(seed, all, func(p *pattern) string { return p.tail }, func(all []pattern) affixes[affixes[indexed]] {
		return newAffixes(groupPatterns(seed, all, func(p *pattern) string { return p.prefix }, ofPrefix))
	}), nil)
}

// groupPatterns returns an item for each key, with what build returns for the patterns
// of this key, which are next to each other.
func groupPatterns[V any](seed maphash.Seed, all []pattern, key func(*pattern) string, build func([]pattern) V) (items []item[V]) {
	for len(all) > 0 {
		k, end := key(&all[0]), 1
		for end < len(all) && key(&all[end]) == k {
			end++
		}
		items = append(items, item[V]{maphash.String(seed, k), k, build(all[:end])})
		all = all[end:]
	}
	return items
}

// ofScheme returns the part of the index for one scheme.
func (x *patternIndex) ofScheme(secure bool) *trie[affixes[affixes[indexed]]] {
	if secure {
		return &x.https
	}
	return &x.http
}

// with returns the index with an entry in canonical form, unless that is no pattern.
func (x patternIndex) with(seed maphash.Seed, entry string) patternIndex {
	p, problem := parsePattern(entry)
	if problem != "" { // it was valid by an earlier Public Suffix List
		return x
	}
	byTail := x.ofScheme(p.secure)
	tail, prefix := maphash.String(seed, p.tail), maphash.String(seed, p.prefix)
	byPrefix, _ := byTail.get(tail, p.tail)
	bySuffix, _ := byPrefix.get(prefix, p.prefix)
	bySuffix = bySuffix.with(maphash.String(seed, p.suffix), p.suffix, indexed{p.entry, p.needs})
	*byTail = byTail.with(tail, p.tail, byPrefix.with(prefix, p.prefix, bySuffix))
	return x
}

// without returns the index without an entry.
func (x patternIndex) without(seed maphash.Seed, entry string) patternIndex {
	p, problem := parsePattern(entry)
	if problem != "" {
		return x
	}
	byTail := x.ofScheme(p.secure)
	tail, prefix := maphash.String(seed, p.tail), maphash.String(seed, p.prefix)
	byPrefix, _ := byTail.get(tail, p.tail)
	bySuffix, _ := byPrefix.get(prefix, p.prefix)
	bySuffix = bySuffix.without(maphash.String(seed, p.suffix), p.suffix)
	if bySuffix.size > 0 {
		byPrefix = byPrefix.with(prefix, p.prefix, bySuffix)
	} else {
		byPrefix = byPrefix.without(prefix, p.prefix)
	}
	if byPrefix.size > 0 {
		*byTail = byTail.with(tail, p.tail, byPrefix)
	} else {
		*byTail = byTail.without(tail, p.tail)
	}
	return x
}

func (l *List) hasPatterns() bool { return l.patterns.http.size > 0 || l.patterns.https.size > 0 }

// matchPattern reports whether a well-formed origin matches a pattern that allowed
// permits, and returns that pattern, or one that allowed does not permit, or "". Only
// the patterns of the part count, unless it is nil. Of several, it takes the one with
// the longest text before its "*", then after it.
func (l *List) matchPattern(origin string, allowed Patterns, of *part) (listed bool, pattern string) {
	if !l.hasPatterns() {
		return false, ""
	}
	label, tail := cutFirstLabel(origin)
	if !isMatchable(label) {
		return false, ""
	}
	byPrefix := l.patterns.ofScheme(isSecure(origin)).find(l.hash(tail), tail)
	if byPrefix == nil {
		return false, ""
	}
	for _, begin := range byPrefix.lengths {
		if begin.length >= len(label) {
			continue
		}
		bySuffix := byPrefix.of(l.seed, label[:begin.length])
		if bySuffix == nil {
			continue
		}
		rest := label[begin.length:]
		most := starLength(rest)
		for _, end := range bySuffix.lengths {
			n := len(rest) - end.length // what the "*" would stand for
			if n < 1 || n > most {
				continue
			}
			found := bySuffix.of(l.seed, rest[n:])
			switch {
			case found == nil || of != nil && !of.has(l.hash(found.entry), found.entry):
			case found.needs <= allowed:
				return true, found.entry
			default:
				pattern = cmp.Or(pattern, found.entry)
			}
		}
	}
	return false, pattern
}

// affixes are a map by the beginnings or ends of labels, which also knows their
// lengths.
type affixes[V any] struct {
	trie[V]
	lengths []affixLength // the longest first
}

// affixLength is the number of keys with a length.
type affixLength struct{ length, keys int }

// newAffixes returns the affixes of items with different keys.
func newAffixes[V any](items []item[V]) (a affixes[V]) {
	for _, it := range items {
		a.lengths = withLength(a.lengths, len(it.key), 1)
	}
	a.trie = newTrie(items, nil)
	return a
}

// of returns the value of key, or nil. Most often there is one key, which is compared
// without a hash.
func (a *affixes[V]) of(seed maphash.Seed, key string) *V {
	if a.size > 1 || a.root == nil || len(a.root.items) != 1 {
		return a.find(maphash.String(seed, key), key)
	}
	if only := &a.root.items[0]; only.key == key {
		return &only.value
	}
	return nil
}

func (a affixes[V]) with(hash uint64, key string, value V) affixes[V] {
	if _, ok := a.get(hash, key); !ok {
		a.lengths = withLength(a.lengths, len(key), 1)
	}
	a.trie = a.trie.with(hash, key, value)
	return a
}

func (a affixes[V]) without(hash uint64, key string) affixes[V] {
	if _, ok := a.get(hash, key); ok {
		a.lengths = withLength(a.lengths, len(key), -1)
	}
	a.trie = a.trie.without(hash, key)
	return a
}

// withLength returns a copy of lengths with the number of keys of one length changed.
func withLength(lengths []affixLength, length, change int) []affixLength {
	i, found := slices.BinarySearchFunc(lengths, length, func(have affixLength, want int) int { return want - have.length })
	if !found {
		return slices.Insert(slices.Clone(lengths), i, affixLength{length, change})
	}
	lengths = slices.Clone(lengths)
	if lengths[i].keys += change; lengths[i].keys == 0 {
		lengths = slices.Delete(lengths, i, i+1)
	}
	return lengths
}
