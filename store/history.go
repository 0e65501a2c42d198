package store

import (
	"context"
	"encoding/json"
	"time"
)

// Record is what one write changed in a web integration. Every commit writes its
// records together with what they record.
type Record struct {
	Revision    uint64
	Time        time.Time // UTC, whole milliseconds
	Tenant      string
	Integration string // its id
	Name        string // after the change, or before the deletion
	// Subject is the Author of the write.
	Subject   string
	Operation Operation
	Updates   []Update
}

// Operation is what a write did with a web integration.
type Operation string

// The operations.
const (
	Created Operation = "created"
	Updated Operation = "updated"
	Deleted Operation = "deleted"
)

// Update is a value that a write changed. A creation has no old values, and a deletion
// no new ones.
type Update struct {
	// Path is a JSON Pointer into the document of the web integration.
	Path     string          `json:"path"`
	OldValue json.RawMessage `json:"oldValue,omitempty"`
	NewValue json.RawMessage `json:"newValue,omitempty"`
}

// HistoryQuery selects records of a tenant. The zero values select all.
type HistoryQuery struct {
	Integration string // its id
	Origin      string // an entry that the change added or removed
	// Cursor is that of a page's last record, after which this one begins.
	Cursor string
	// After is a revision: only later ones are wanted.
	After uint64
	// Newest begins with the newest record, instead of the oldest.
	Newest bool
	// Limit is the maximum number of records, and positive.
	Limit int
}

// HistoryPage is a page of records, in the order of their revisions.
type HistoryPage struct {
	Records []Record
	// Next is the cursor of the next page, or "" if there is none.
	Next string
}

// Historian is a Store that keeps the history of its web integrations.
type Historian interface {
	// History reads a page of the tenant's records. The error is ErrUnknownCursor if
	// the cursor is not one of this tenant's.
	History(ctx context.Context, tenant string, q HistoryQuery) (HistoryPage, error)
}

type authorKey struct{}

// WithAuthor returns a context whose writes are recorded as those of subject.
func WithAuthor(ctx context.Context, subject string) context.Context {
	return context.WithValue(ctx, authorKey{}, subject)
}

// Author returns the subject of WithAuthor, or "".
func Author(ctx context.Context) string {
	subject, _ := ctx.Value(authorKey{}).(string)
	return subject
}
