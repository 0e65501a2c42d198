package api

import "originwarden/store"

// Call is who has asked for what, as far as that was known when the request was
// answered.
type Call struct {
	// Issuer and Subject are whose token it was. Issuer is "" of a static one.
	Issuer, Subject string
	// Integration is the id of the web integration that was asked for or made, or
	// "".
	Integration string
	// Change is what a write has changed; nil of what changed nothing, as a write
	// that is known not to have been made. If the status is 503, the
	// change was made and is not kept, or it is not known whether it was made.
	Change *Change
}

// Change is what a write changes of a web integration.
type Change struct {
	Name    string
	OldName string // where it is another than Name, and Name is not new
	// Added and Removed are how many origins came and went, and FirstAdded and
	// FirstRemoved the first of them, ShownOrigins at most.
	Added, Removed           int
	FirstAdded, FirstRemoved []string
}

// ShownOrigins is how many origins of a change are named.
const ShownOrigins = 10

// changeOf is the change from one state of a web integration to another. The zero
// value is one that is not there.
func changeOf(before, after store.WebIntegration) *Change {
	c := &Change{Name: after.Name}
	if after.Name == "" {
		c.Name = before.Name
	} else if after.Name != before.Name {
		c.OldName = before.Name
	}
	c.Added, c.FirstAdded = missing(after.ValidOrigins, before.ValidOrigins)
	c.Removed, c.FirstRemoved = missing(before.ValidOrigins, after.ValidOrigins)
	return c
}

// missing returns how many of all are not in others, and the first of them.
func missing(all, others []string) (n int, first []string) {
	there := make(map[string]struct{}, len(others))
	for _, origin := range others {
		there[origin] = struct{}{}
	}
	for _, origin := range all {
		if _, ok := there[origin]; ok {
			continue
		}
		if n++; n <= ShownOrigins {
			first = append(first, origin)
		}
	}
	return n, first
}
