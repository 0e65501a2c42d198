package api

import "originwarden/store"

// Call is the caller of a request and what it asked for, as far as that was
// known when the response was sent.
type Call struct {
	// Issuer and Subject are those of the token. Issuer is "" for a static one.
	Issuer, Subject string
	// Integration is the id of the web integration that was asked for or created,
	// or "".
	Integration string
	// Diff is what a write changed; nil if it changed nothing, or is known not
	// to have been made. With status 503 the change was made and is not kept, or
	// it is unknown whether it was made.
	Diff *Diff
}

// Diff is what a write changed in a web integration, for the log.
type Diff struct {
	Name    string
	OldName string // if the write changed it
	// Added and Removed are numbers of origins, and FirstAdded and FirstRemoved
	// the first of them, at most ShownOrigins.
	Added, Removed           int
	FirstAdded, FirstRemoved []string
}

// ShownOrigins is the number of origins that a Change names.
const ShownOrigins = 10

// newDiff returns what changed from one state of a web integration to another.
// The zero value is the state of one that does not exist.
func newDiff(before, after store.WebIntegration) *Diff {
	c := &Diff{Name: after.Name}
	if after.Name == "" {
		c.Name = before.Name
	} else if after.Name != before.Name {
		c.OldName = before.Name
	}
	c.Added, c.FirstAdded = countMissing(after.ValidOrigins, before.ValidOrigins)
	c.Removed, c.FirstRemoved = countMissing(before.ValidOrigins, after.ValidOrigins)
	return c
}

// countMissing returns how many of all are not in others, and the first of them.
func countMissing(all, others []string) (n int, first []string) {
	known := make(map[string]bool, len(others))
	for _, origin := range others {
		known[origin] = true
	}
	for _, origin := range all {
		if known[origin] {
			continue
		}
		if n++; n <= ShownOrigins {
			first = append(first, origin)
		}
	}
	return n, first
}
