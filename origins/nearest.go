package origins

import "strings"

// Miss is what a list has nearest to an origin that it does not list: most
// refusals of one's own pages are a scheme, a port or a label away.
type Miss struct {
	// Relation is how Entry differs; the empty string is no miss at all.
	Relation Relation
	// Entry is the canonical form of the entry.
	Entry string
}

// Relation is how an entry differs from an origin.
type Relation string

const (
	// OtherIntegration: the entry is the origin, but of another web
	// integration than the one that was named.
	OtherIntegration Relation = "other_web_integration"
	// OtherScheme: only the scheme differs.
	OtherScheme Relation = "other_scheme"
	// OtherCase: an opaque host differs in upper and lower case.
	OtherCase Relation = "other_case"
	// OtherPort: the host is the same, the port is not.
	OtherPort Relation = "other_port"
	// OtherLabel: the host differs in its first label, or by having one more
	// or one less.
	OtherLabel Relation = "other_label"
)

// maxCompared bounds the search in a large list.
const maxCompared = 10_000

// Nearest returns what the list has nearest to a well-formed origin that was
// refused. It is for people who debug: its cost is bounded, but beyond that of
// a decision, and of a large list it sees a part.
func (l *List) Nearest(origin string) Miss {
	if l.Contains(origin) {
		return Miss{OtherIntegration, origin}
	}
	scheme, authority, _ := strings.Cut(origin, "://")
	for _, other := range [...]string{"https", "http"} {
		if entry := other + "://" + authority; other != scheme && l.Contains(entry) {
			return Miss{OtherScheme, entry}
		}
	}
	var nearest Miss
	compared := 0
	for e := range l.union.all() {
		if miss := (Miss{relate(origin, e.key), e.key}); miss.nearerThan(nearest) {
			nearest = miss
		}
		if compared++; compared == maxCompared {
			break
		}
	}
	return nearest
}

func (m Miss) nearerThan(other Miss) bool {
	if m.Relation.distance() != other.Relation.distance() {
		return m.Relation.distance() < other.Relation.distance()
	}
	return m.Relation != "" && m.Entry < other.Entry // the same for everyone who asks
}

func (r Relation) distance() int {
	switch r {
	case OtherIntegration:
		return 0
	case OtherScheme:
		return 1
	case OtherCase:
		return 2
	case OtherPort:
		return 3
	case OtherLabel:
		return 4
	}
	return 5
}

// relate compares an origin with an entry.
func relate(origin, entry string) Relation {
	_, authority, _ := strings.Cut(origin, "://")
	_, other, _ := strings.Cut(entry, "://")
	switch {
	case authority == other:
		return OtherScheme
	case strings.EqualFold(origin, entry):
		return OtherCase
	}
	host, _, _ := cutPort(authority)
	otherHost, _, _ := cutPort(other)
	switch {
	case host == otherHost:
		return OtherPort
	case areSiblings(host, otherHost), isParent(host, otherHost), isParent(otherHost, host):
		return OtherLabel
	}
	return ""
}

// areSiblings reports whether two hosts differ in their first label only,
// below a parent of several labels.
func areSiblings(a, b string) bool {
	_, parentA, _ := strings.Cut(a, ".")
	_, parentB, _ := strings.Cut(b, ".")
	return parentA == parentB && strings.Contains(parentA, ".")
}

// isParent reports whether b is a with one more label.
func isParent(a, b string) bool {
	_, parent, _ := strings.Cut(b, ".")
	return parent == a && strings.Contains(a, ".")
}
