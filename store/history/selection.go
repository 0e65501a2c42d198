package history

import (
	"strings"

	"originwarden/origins"
	"originwarden/store"
)

// maxPageBytes ends a page of long records early, to bound the memory of a request.
const maxPageBytes = 256 << 10

// Selection collects the page of a query from records that are in its order.
type Selection struct {
	Page   store.HistoryPage
	query  store.HistoryQuery
	origin string // in canonical form, if it has one
	bytes  int    // of the updates on the page
}

// Select returns the empty selection of a query. The error is store.ErrUnknownCursor.
func Select(q store.HistoryQuery) (*Selection, error) {
	if _, _, ok := store.ParseRecordID(q.Cursor); q.Cursor != "" && !ok {
		return nil, store.ErrUnknownCursor
	}
	return &Selection{query: q, origin: canonical(q.Origin)}, nil
}

// Begins reports whether a record is after the cursor and the revision of the query.
func (s *Selection) Begins(revision uint64, n int) bool {
	if revision <= s.query.After {
		return false
	}
	if s.query.Cursor == "" {
		return true
	}
	at, place, _ := store.ParseRecordID(s.query.Cursor)
	if s.query.Newest {
		return revision < at || revision == at && n < place
	}
	return revision > at || revision == at && n > place
}

// Add adds a record to the page if the query selects it, and reports whether the page
// is complete.
func (s *Selection) Add(r store.Record) (complete bool) {
	if s.query.Integration != "" && r.Integration != s.query.Integration || s.query.Origin != "" && !s.touches(&r) {
		return false
	}
	records := s.Page.Records
	if len(records) > 0 && (len(records) >= s.query.Limit || s.bytes >= maxPageBytes) {
		s.Page.Next = records[len(records)-1].ID
		return true
	}
	s.Page.Records = append(records, r)
	for _, u := range r.Updates {
		s.bytes += len(u.OldValue) + len(u.NewValue)
	}
	return false
}

// touches reports whether the record may have added or removed an entry that lists the
// origin of the query.
func (s *Selection) touches(r *store.Record) bool {
	if r.Omitted != nil {
		return true
	}
	v := Read(r)
	part := origins.Part{ID: r.Integration}
	for _, entry := range append(v.Removed, v.Added...) {
		form := canonical(entry.Text)
		if form == s.origin {
			return true
		}
		if strings.Contains(form, "*") {
			part.Origins = append(part.Origins, form)
		}
	}
	if len(part.Origins) == 0 || !origins.WellFormed(s.origin) {
		return false
	}
	listed, _ := origins.NewList(0, []origins.Part{part}).Match(s.origin, origins.HostedPatterns)
	return listed
}

// canonical returns the canonical form of an entry, or the entry if it has none.
func canonical(entry string) string {
	if form, err := origins.HostedPatterns.ParseEntry(entry); err == nil {
		return form
	}
	return entry
}
