// Package undo plans the write that undoes a change of the history. The API makes the
// write, and the console shows the plan first. It changes nothing itself.
package undo

import (
	"context"
	"errors"
	"fmt"

	"originwarden/store"
	"originwarden/store/history"
)

// maxLater is how many later changes are read to undo one.
const maxLater = 20_000

// ErrTooManyLater says that more than 20,000 changes were made later.
var ErrTooManyLater = errors.New("too many changes were made later")

// Plan is what undoes a change.
type Plan struct {
	Record store.Record
	// Undo is what would be done, also if there is a Conflict.
	Undo history.Undo
	// Conflict names the later changes that would be undone too, or is nil.
	Conflict *history.ConflictError
	// Impossible is why nothing can be undone, or nil: see history.NewUndo, and
	// ErrTooManyLater.
	Impossible error
	// State differs between two plans if a change was made between them that a write
	// in spite of the Conflict could undo.
	State string
	// Current is the web integration as it is now, or nil.
	Current *store.WebIntegration

	recreated string // see history.Later
}

// NewPlan plans to undo the change of a tenant that has an id. The error is
// store.ErrNotFound if the history does not have it.
func NewPlan(ctx context.Context, s store.Store, tenant, id string) (*Plan, error) {
	record, err := findRecord(ctx, s, tenant, id)
	if err != nil {
		return nil, err
	}
	p := &Plan{Record: record}
	found, err := s.Integration(ctx, tenant, record.Integration)
	switch {
	case err == nil:
		p.Current = &found
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	// It is read last, so that it has every change that the web integration has.
	later, last, err := readLater(ctx, s, tenant, record)
	switch {
	case errors.Is(err, ErrTooManyLater):
		p.Impossible = err
		return p, nil
	case err != nil:
		return nil, err
	}
	p.State = state(p.Current, last)
	p.recreated = later.Recreated()
	p.Undo, err = later.Undo(p.Current, false)
	if conflict, ok := errors.AsType[*history.ConflictError](err); ok {
		p.Conflict = conflict
		p.Undo, err = later.Undo(p.Current, true)
	}
	p.Impossible = err
	return p, nil
}

// NewID returns the id of the web integration that the plan creates again. It is the
// same for all plans that know of no earlier one, so that only one of them is made.
func (p *Plan) NewID() string {
	return store.DerivedID(p.Record.Tenant + " " + p.Record.ID + " " + p.recreated)
}

// Added returns the entries that the write adds to the web integration as it is now,
// and Removed those that it removes.
func (p *Plan) Added() []string { return lacking(p.Undo.ValidOrigins, p.now()) }

// Removed is described at Added.
func (p *Plan) Removed() []string { return lacking(p.now(), p.Undo.ValidOrigins) }

func (p *Plan) now() []string {
	if p.Current == nil || p.Undo.Operation == store.Created {
		return nil
	}
	return p.Current.ValidOrigins
}

// state returns the State of a plan: the revision of the web integration as it is now,
// and the ID of the last record of it or of one with its name.
func state(current *store.WebIntegration, last string) string {
	revision := uint64(0)
	if current != nil {
		revision = current.Revision
	}
	return fmt.Sprintf("%d.%s", revision, last)
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

// readLater reads the records after one, and returns what an undo needs of them, and
// the ID of the last of the web integration or of one with its name. It holds one page
// of them at a time.
func readLater(ctx context.Context, s store.Store, tenant string, of store.Record) (later *history.Later, last string, err error) {
	later, last = history.NewLater(of), of.ID
	q := store.HistoryQuery{Cursor: of.ID, Limit: 1000}
	for n := 0; ; {
		page, err := s.History(ctx, tenant, q)
		if err != nil {
			return nil, "", err
		}
		for i := range page.Records {
			r := &page.Records[i]
			later.Add(r)
			if r.Integration == of.Integration || r.Name == of.Name {
				last = r.ID
			}
		}
		if page.Next == "" {
			return later, last, nil
		}
		if n += len(page.Records); n > maxLater {
			return nil, "", ErrTooManyLater
		}
		q.Cursor = page.Next
	}
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
