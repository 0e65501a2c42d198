package search

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"originwarden/store"
)

// The bounds of what is read one by one, and held at once. If there are more web
// integrations, or their lists are long, they are found by a scan.
const (
	maxCandidates     = 32
	maxCandidateBytes = 512 << 10 // of their origins
)

// place is the place of a web integration in the order of pages.
type place struct{ name, id string }

func (a place) compare(b place) int {
	return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id))
}

// sortCandidates reads all of q.Among, and returns the page that the query selects of
// them. It reports false if there is too much to read.
func sortCandidates(ctx context.Context, s Store, tenant string, q Query) (page Page, ok bool, err error) {
	if len(q.Among) > maxCandidates {
		return Page{}, false, nil
	}
	cursor, err := findCursor(ctx, s, tenant, q.Query)
	if err != nil {
		return Page{}, false, err
	}
	all, ok, err := readCandidates(ctx, s, tenant, q)
	if err != nil || !ok {
		return Page{}, false, err
	}
	compare := func(w store.WebIntegration, b place) int {
		a := place{w.Name, w.ID}
		if q.Descending {
			a, b = b, a
		}
		return a.compare(b)
	}
	slices.SortFunc(all, func(a, b store.WebIntegration) int { return compare(a, place{b.Name, b.ID}) })
	at := 0
	if cursor != (place{}) {
		var found bool
		if at, found = slices.BinarySearchFunc(all, cursor, compare); found && q.Before == "" {
			at++
		}
	}
	return cutPage(all, at, q.Query), true, nil
}

// findCursor returns the place of the query's cursor, or none.
func findCursor(ctx context.Context, s Store, tenant string, q store.Query) (place, error) {
	id := cmp.Or(q.Before, q.After)
	if id == "" {
		return place{}, nil
	}
	w, err := s.Integration(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		err = store.ErrUnknownCursor
	}
	return place{w.Name, id}, err
}

// readCandidates returns those of q.Among that have the text, in no order. It reports
// false if their lists are too long.
func readCandidates(ctx context.Context, s Store, tenant string, q Query) (all []store.WebIntegration, ok bool, err error) {
	matches, bytes := q.matcher(), 0
	for id := range q.Among {
		w, err := s.Integration(ctx, tenant, id)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, false, err
		}
		if bytes += w.OriginBytes(); bytes > maxCandidateBytes {
			return nil, false, nil
		}
		if matches(&w) {
			all = append(all, w)
		}
	}
	return all, true, nil
}

// cutPage returns the page of all that begins, or with Before ends, at an index. If it
// is full early, it ends early, or begins late.
func cutPage(all []store.WebIntegration, at int, q store.Query) (page Page) {
	from, to, bytes := at, at, 0
	for to-from < q.Limit && !q.Full(bytes) {
		if q.Before != "" && from > 0 {
			from--
			bytes += all[from].OriginBytes()
		} else if q.Before == "" && to < len(all) {
			bytes += all[to].OriginBytes()
			to++
		} else {
			break
		}
	}
	page.Integrations = all[from:to]
	if from < to && to < len(all) {
		page.Next = all[to-1].ID
	}
	if from < to && from > 0 {
		page.Prev = all[from].ID
	}
	return page
}
