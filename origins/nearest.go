package origins

import (
	"cmp"
	"slices"
	"strings"
)

// NearMiss is the entry of a list that is most like a refused origin. Wrong
// refusals are mostly due to another scheme, port or label.
type NearMiss struct {
	// Relation says how Entry differs. It is empty if no entry is alike.
	Relation Relation
	// Entry is the canonical form of the entry.
	Entry string
}

// Relation is how an entry differs from an origin.
type Relation string

const (
	// OtherIntegration: the origin is an entry of another web integration than
	// the one that the request named.
	OtherIntegration Relation = "other_web_integration"
	// OtherScheme: only the scheme differs.
	OtherScheme Relation = "other_scheme"
	// OtherCase: an opaque host differs only in case.
	OtherCase Relation = "other_case"
	// OtherPort: the host is the same, but the port differs.
	OtherPort Relation = "other_port"
	// OtherLabel: the first label of the host differs, is missing, or is added.
	OtherLabel Relation = "other_label"
	// PatternNotAllowed: the entry is a pattern that the origin matches, and the
	// tenant's Policy.Patterns does not permit it.
	PatternNotAllowed Relation = "pattern_not_allowed"
)

// maxCompared bounds the search in a large list.
const maxCompared = 10_000

// Nearest returns the entry that is most like a well-formed origin that was
// refused. If origin is listed, also by a pattern that allowed permits, the request
// named another web integration, and the relation is OtherIntegration. Nearest is meant
// for debugging: it costs more than a decision, and it searches only a part of a large
// list.
func (l *List) Nearest(origin string, allowed Patterns) NearMiss {
	switch listed, pattern := l.Match(origin, allowed); {
	case listed:
		return NearMiss{OtherIntegration, cmp.Or(pattern, origin)}
	case pattern != "":
		return NearMiss{PatternNotAllowed, pattern}
	}
	scheme, authority, _ := strings.Cut(origin, "://")
	for _, other := range [...]string{"https", "http"} {
		entry := other + "://" + authority
		if listed, pattern := l.Match(entry, allowed); other != scheme && listed {
			return NearMiss{OtherScheme, cmp.Or(pattern, entry)}
		}
	}
	var nearest NearMiss
	compared := 0
	for e := range l.union.all() {
		if miss := (NearMiss{relationBetween(origin, e.key), e.key}); miss.nearerThan(nearest) {
			nearest = miss
		}
		if compared++; compared == maxCompared {
			break
		}
	}
	return nearest
}

// nearerThan reports whether m is nearer than other, or the first of two that are
// equally near, so that the result is stable. The zero NearMiss is the farthest.
func (m NearMiss) nearerThan(other NearMiss) bool {
	if m.Relation == other.Relation {
		return m.Entry < other.Entry
	}
	return m.Relation != "" && m.Relation.distance() < other.Relation.distance()
}

// distance orders the relations that relationBetween returns.
func (r Relation) distance() int {
	return slices.Index([]Relation{OtherScheme, OtherCase, OtherPort, OtherLabel, ""}, r)
}

// relationBetween compares an origin with an entry that does not list it.
func relationBetween(origin, entry string) Relation {
	_, authority, _ := strings.Cut(origin, "://")
	_, other, _ := strings.Cut(entry, "://")
	host, port, _ := cutPort(authority)
	entryHost, entryPort, _ := cutPort(other)
	same := isHostOfEntry(host, entryHost)
	switch {
	case same && port == entryPort:
		return OtherScheme
	case strings.EqualFold(origin, entry):
		return OtherCase
	case same:
		return OtherPort
	case areSiblings(host, entryHost), isParentOfEntry(host, entryHost), isChildOfEntry(host, entryHost):
		return OtherLabel
	}
	return ""
}

// isHostOfEntry reports whether the host of an entry is host, or matches it.
func isHostOfEntry(host, entryHost string) bool {
	if !isPattern(entryHost) {
		return host == entryHost
	}
	label, parent, _ := strings.Cut(host, ".")
	entryLabel, entryParent, _ := strings.Cut(entryHost, ".")
	var p pattern
	p.prefix, p.suffix, _ = strings.Cut(entryLabel, "*")
	return parent == entryParent && p.matchesLabel(label)
}

// areSiblings reports whether two hosts differ in their first label only,
// below a parent of several labels.
func areSiblings(a, b string) bool {
	_, parentA, _ := strings.Cut(a, ".")
	_, parentB, _ := strings.Cut(b, ".")
	return parentA == parentB && strings.Contains(parentA, ".")
}

// isParentOfEntry reports whether an entry has the host with one label added in front.
func isParentOfEntry(host, entryHost string) bool {
	_, parent, _ := strings.Cut(entryHost, ".")
	return parent == host && strings.Contains(host, ".")
}

// isChildOfEntry reports whether the host is that of an entry with one label added.
func isChildOfEntry(host, entryHost string) bool {
	_, parent, _ := strings.Cut(host, ".")
	return isHostOfEntry(parent, entryHost) && strings.Contains(parent, ".")
}
