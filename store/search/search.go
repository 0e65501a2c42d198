// Package search finds web integrations of a tenant, in any store. It reads no more
// than a bounded part of the tenant at once.
package search

import (
	"context"
	"strings"

	"originwarden/store"
)

// Store is the part of store.Store that a search needs.
type Store interface {
	Page(ctx context.Context, tenant string, q store.Query) (store.Page, error)
	Integration(ctx context.Context, tenant, id string) (store.WebIntegration, error)
}

// Query selects web integrations. Limit and Bytes of the store.Query have to be
// positive, unless nothing else is set.
type Query struct {
	store.Query
	// Text selects those that have it in their name or in one of their entries, in any
	// case. "" selects all.
	Text string
	// Among selects those with these ids, unless it is nil.
	Among map[string]bool
}

// Page is a page of web integrations, in the order of the Query. Next and Prev are the
// ids after which the next page begins and before which the previous one ends, or "" if
// there is none. They need not be on this page.
//
// A search ends early after it has read much. Then the page has fewer web integrations
// than the limit, or none, and leads to the next one. A page that Next or Prev leads to
// may turn out to be empty.
type Page struct {
	Integrations []store.WebIntegration
	Next, Prev   string
}

// Find reads a page. It fails with store.ErrUnknownCursor as Store.Page does.
func Find(ctx context.Context, s Store, tenant string, q Query) (Page, error) {
	if q.Limit <= 0 || q.Text == "" && q.Among == nil {
		return readPage(ctx, s, tenant, q.Query)
	}
	if q.Among != nil {
		if page, ok, err := sortCandidates(ctx, s, tenant, q); ok || err != nil {
			return page, err
		}
	}
	return scan(ctx, s, tenant, q)
}

// readPage reads a page of all web integrations.
func readPage(ctx context.Context, s Store, tenant string, q store.Query) (Page, error) {
	read, err := s.Page(ctx, tenant, q)
	page := Page{Integrations: read.Integrations}
	if read.HasNext {
		page.Next = read.Integrations[len(read.Integrations)-1].ID
	}
	if read.HasPrev {
		page.Prev = read.Integrations[0].ID
	}
	return page, err
}

// matcher returns whether a web integration has the text of the query.
func (q *Query) matcher() func(*store.WebIntegration) bool {
	text := strings.ToLower(q.Text)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return func(w *store.WebIntegration) bool {
		if text == "" || has(w.Name) {
			return true
		}
		for _, entry := range w.ValidOrigins {
			if has(entry) {
				return true
			}
		}
		return false
	}
}
