package search

import (
	"context"
	"errors"
	"slices"

	"originwarden/store"
)

// The bounds of one scan. It reads in steps.
const (
	maxScanned      = 1000    // web integrations
	maxScannedBytes = 4 << 20 // of their origins
	stepLimit       = 100
	stepBytes       = 256 << 10
)

// scanner reads web integrations in the order of the query, or backward from Before,
// and keeps those that it selects.
type scanner struct {
	Query
	matches func(*store.WebIntegration) bool
	reached
	steps        []reached // before each step
	scanned      int
	scannedBytes int
}

// reached is how far a scan is.
type reached struct {
	found []store.WebIntegration
	bytes int // of the origins of found
	// first and last are the ids of those that were scanned: the page has all that the
	// query selects between them.
	first, last     string
	before, further bool // whether there are others before first and after last
}

func scan(ctx context.Context, s Store, tenant string, q Query) (Page, error) {
	scan := scanner{Query: q, matches: q.matcher()}
	for more := true; more; {
		read, err := s.Page(ctx, tenant, scan.nextStep())
		if errors.Is(err, store.ErrUnknownCursor) && scan.stepBack() {
			continue
		}
		if err != nil {
			return Page{}, err
		}
		scan.steps = append(scan.steps, scan.reached)
		near := read.HasPrev
		if scan.further = read.HasNext; q.Before != "" {
			near, scan.further = read.HasNext, read.HasPrev
			slices.Reverse(read.Integrations)
		}
		if scan.first == "" && len(read.Integrations) > 0 {
			scan.first, scan.before = read.Integrations[0].ID, near
		}
		more = scan.take(read.Integrations) && scan.further
	}
	return scan.page(), nil
}

// nextStep returns the query that continues after last.
func (s *scanner) nextStep() store.Query {
	step := s.Query.Query
	step.Limit, step.Bytes = stepLimit, stepBytes
	if s.last == "" {
		return step
	}
	if step.After, step.Before = s.last, ""; s.Query.Before != "" {
		step.After, step.Before = "", s.last
	}
	return step
}

// stepBack returns to where the last step began, because last was deleted meanwhile. It
// reports false if that is where the scan began: then the cursor is the caller's. What
// was scanned counts, so that the scan ends however often it steps back.
func (s *scanner) stepBack() bool {
	n := len(s.steps)
	if n == 0 {
		return false
	}
	s.reached, s.steps = s.steps[n-1], s.steps[:n-1]
	return true
}

// take takes more web integrations, and reports whether the scan goes on: until the one
// after a full page, so that it is known whether there is a next page, or until much
// was scanned.
func (s *scanner) take(all []store.WebIntegration) (more bool) {
	for i := range all {
		w := &all[i]
		selected := (s.Among == nil || s.Among[w.ID]) && s.matches(w)
		if selected && (len(s.found) == s.Limit || s.Full(s.bytes)) {
			s.further = true
			return false
		}
		bytes := w.OriginBytes()
		if selected {
			s.found = append(s.found, *w)
			s.bytes += bytes
		}
		s.last = w.ID
		s.scanned++
		s.scannedBytes += bytes
		if s.scanned >= maxScanned || s.scannedBytes >= maxScannedBytes {
			s.further = s.further || i < len(all)-1
			return false
		}
	}
	return true
}

func (s *scanner) page() Page {
	p := Page{Integrations: s.found}
	if s.further {
		p.Next = s.last
	}
	if s.before {
		p.Prev = s.first
	}
	if s.Query.Before != "" {
		slices.Reverse(p.Integrations)
		p.Next, p.Prev = p.Prev, p.Next
	}
	return p
}
