package search

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"originwarden/store"
)

// maxCandidates is how many web integrations are read one by one. More of them are not
// rare, so that a scan finds some soon.
const maxCandidates = 100

// place is the place of a web integration in the order of pages.
type place struct{ name, id string }

func (a place) compare(b place) int {
	return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id))
}

// sortCandidates reads all of q.Among, but keeps only their places, and reads those of
// the page again.
func sortCandidates(ctx context.Context, s Store, tenant string, q Query) (Page, error) {
	compare := place.compare
	if q.Descending {
		compare = func(a, b place) int { return b.compare(a) }
	}
	cursor, err := findCursor(ctx, s, tenant, q.Query)
	if err != nil {
		return Page{}, err
	}
	all, err := findPlaces(ctx, s, tenant, q)
	if err != nil {
		return Page{}, err
	}
	slices.SortFunc(all, compare)
	from, to := 0, len(all)
	if cursor != (place{}) {
		at, found := slices.BinarySearchFunc(all, cursor, compare)
		if to = at; q.Before == "" {
			from, to = at, len(all)
			if found {
				from++
			}
		}
	}
	if q.Before != "" {
		from = max(from, to-q.Limit)
	} else {
		to = min(to, from+q.Limit)
	}
	return readPlaces(ctx, s, tenant, q, all, from, to)
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

// findPlaces returns the places of those of q.Among that have the text.
func findPlaces(ctx context.Context, s Store, tenant string, q Query) (all []place, err error) {
	matches := q.matcher()
	for id := range q.Among {
		w, err := s.Integration(ctx, tenant, id)
		switch {
		case errors.Is(err, store.ErrNotFound): // deleted meanwhile
		case err != nil:
			return nil, err
		case matches(&w):
			all = append(all, place{w.Name, id})
		}
	}
	return all, nil
}

// readPlaces reads the page of all[from:to]. If it is full early, it ends early, or
// begins late.
func readPlaces(ctx context.Context, s Store, tenant string, q Query, all []place, from, to int) (page Page, err error) {
	first, end, step := from, to, 1
	if q.Before != "" {
		first, end, step = to-1, from-1, -1
	}
	at, bytes := first, 0
	for ; at != end && !q.Full(bytes); at += step {
		w, err := s.Integration(ctx, tenant, all[at].id)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return Page{}, err
		default:
			bytes += w.OriginBytes()
			page.Integrations = append(page.Integrations, w)
		}
	}
	if step < 0 {
		slices.Reverse(page.Integrations)
		from = at + 1
	} else {
		to = at
	}
	if from < to && to < len(all) {
		page.Next = all[to-1].id
	}
	if from < to && from > 0 {
		page.Prev = all[from].id
	}
	return page, nil
}
