package changes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"originwarden/store"
	"originwarden/store/history"
)

// maxLater is how many later changes are read to undo one.
const maxLater = 20_000

// Plan is what undoes a change.
type Plan struct {
	Change Change
	// Undo is what would be done, also if there is a Conflict.
	Undo history.Undo
	// Conflict names the later changes that would be undone too, and Impossible says
	// why nothing can be undone; or "".
	Conflict, Impossible string
	// State differs between two plans if a change was made between them that a write
	// in spite of the Conflict could undo.
	State string
	// Removes and Adds are the first entries that the write would remove and add, and
	// More is the number of the others.
	Removes, Adds []string
	More          int

	current *store.WebIntegration // as it is now, or nil
}

// NewPlan plans to undo the change of a tenant that has an id. The error is
// store.ErrNotFound if the history does not have it.
func NewPlan(ctx context.Context, s store.Store, tenant, id string) (*Plan, error) {
	record, err := findRecord(ctx, s, tenant, id)
	if err != nil {
		return nil, err
	}
	p := &Plan{Change: New(record)}
	found, err := s.Integration(ctx, tenant, record.Integration)
	switch {
	case err == nil:
		p.current = &found
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	// It is read last, so that it has every change that the web integration has.
	later, err := readLater(ctx, s, tenant, id)
	if errors.Is(err, errTooManyLater) {
		p.Impossible = err.Error()
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	p.State = state(record, p.current, later)
	p.Undo, err = history.NewUndo(record, p.current, later, false)
	if conflict, ok := errors.AsType[*history.ConflictError](err); ok {
		p.Conflict = conflict.Error()
		p.Undo, err = history.NewUndo(record, p.current, later, true)
	}
	if err != nil {
		p.Impossible = err.Error()
	}
	p.compare()
	return p, nil
}

// state returns the State of a plan: the revision of the web integration as it is now,
// and the last record of it or of one with its name.
func state(of store.Record, current *store.WebIntegration, later []store.Record) string {
	revision, last := uint64(0), of.ID
	if current != nil {
		revision = current.Revision
	}
	for _, record := range later {
		if record.Integration == of.Integration || record.Name == of.Name {
			last = record.ID
		}
	}
	return fmt.Sprint(revision, " ", last)
}

// findRecord returns the record of an id.
func findRecord(ctx context.Context, s store.Store, tenant, id string) (store.Record, error) {
	revision, n, ok := store.ParseRecordID(id)
	if !ok || revision == 0 {
		return store.Record{}, store.ErrNotFound
	}
	q := store.HistoryQuery{After: revision - 1, Limit: 1}
	if n > 0 {
		q.Cursor = store.RecordID(revision, n-1)
	}
	page, err := s.History(ctx, tenant, q)
	if err != nil {
		return store.Record{}, err
	}
	if len(page.Records) == 0 || page.Records[0].ID != id {
		return store.Record{}, store.ErrNotFound
	}
	return page.Records[0], nil
}

// readLater returns the records after that of an id.
func readLater(ctx context.Context, s store.Store, tenant, id string) (later []store.Record, err error) {
	q := store.HistoryQuery{Cursor: id, Limit: 1000}
	for {
		page, err := s.History(ctx, tenant, q)
		if err != nil {
			return nil, err
		}
		if later = append(later, page.Records...); page.Next == "" {
			return later, nil
		}
		if len(later) > maxLater {
			return nil, errTooManyLater
		}
		q.Cursor = page.Next
	}
}

var errTooManyLater = errors.New("too many changes were made later")

// compare sets what the write would change in the web integration as it is now.
func (p *Plan) compare() {
	var now, then []string
	if p.current != nil {
		now = p.current.ValidOrigins
	}
	then = p.Undo.ValidOrigins
	removes, adds := lacking(now, then), lacking(then, now)
	p.More = max(0, len(removes)-shownEntries) + max(0, len(adds)-shownEntries)
	p.Removes, p.Adds = removes[:min(len(removes), shownEntries)], adds[:min(len(adds), shownEntries)]
}

// lacking returns the entries that others lack.
func lacking(entries, others []string) (missing []string) {
	has := map[string]bool{}
	for _, entry := range others {
		has[entry] = true
	}
	for _, entry := range entries {
		if !has[entry] {
			missing = append(missing, entry)
		}
	}
	return missing
}

// API makes a request to the API of the tenant: see listing.API.
type API func(method, path string, header http.Header, body, result any) (http.Header, error)

// Write makes the write, if the web integration is still as it was.
func (p *Plan) Write(call API) error {
	undo, current := p.Undo, p.current
	if undo.Operation == store.Created {
		_, err := call(http.MethodPost, "/web-integrations", nil, map[string]any{"name": undo.Name, "validOrigins": undo.ValidOrigins}, nil)
		return err
	}
	path := "/web-integrations/" + url.PathEscape(current.ID)
	header := http.Header{"If-Match": {strconv.Quote(strconv.FormatUint(current.Revision, 10))}}
	if undo.Operation == store.Deleted {
		_, err := call(http.MethodDelete, path, header, nil, nil)
		return err
	}
	patch := []map[string]any{
		{"op": "replace", "path": "/name", "value": undo.Name},
		{"op": "replace", "path": "/validOrigins", "value": undo.ValidOrigins},
	}
	_, err := call(http.MethodPatch, path, header, patch, nil)
	return err
}
