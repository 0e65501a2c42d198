package origins

import "iter"

// Listing yields the ids of the web integrations that list an entry in canonical form:
// by its name, or, if it is an origin, by a pattern that allowed permits. The cost
// depends on the number of web integrations, not on that of their origins.
func (l *List) Listing(entry string, allowed Patterns) iter.Seq[string] {
	hash, isOrigin := l.hash(entry), WellFormed(entry)
	return func(yield func(string) bool) {
		for p := range l.parts.all() {
			listed := p.value.has(hash, entry)
			if !listed && isOrigin && p.value.patterns > 0 {
				listed, _ = l.matchPattern(entry, allowed, p.value)
			}
			if listed && !yield(p.key) {
				return
			}
		}
	}
}

// IsStale reports whether the list was made by StaleList, so that it says nothing about
// the tenant.
func (l *List) IsStale() bool { return l.stale }
