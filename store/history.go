package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Record is what one write changed in a web integration. Every commit writes its
// records together with what they record, unless the store has no space for them: see
// RecordStatus. A write that replaces values by equal ones has a revision but no record.
type Record struct {
	// ID is what RecordID returns for the revision and the place of the record among
	// the tenant's records of that revision.
	ID          string
	Revision    uint64
	Time        time.Time // UTC, whole milliseconds
	Tenant      string
	Integration string // its id
	Name        string // after the change, or before the deletion
	// Subject is the Author of the write, and Issuer who has issued the Author's
	// access token, or "".
	Subject, Issuer string
	Operation       Operation
	// Updates are empty if a store of an older version recorded a write that replaced
	// values by equal ones.
	Updates []Update
	// Omitted is not nil if the entries were too long to be kept. Then the Updates
	// have none of them.
	Omitted *Omitted
}

// Omitted are the numbers of the entries that a record lacks.
type Omitted struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
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
	// Path is a JSON Pointer into the document of the web integration: /name,
	// /createdBy, /created, /validOrigins or /validOrigins/INDEX.
	//
	// The whole list is the value in a creation and a deletion. Any other write has an
	// update for each entry that it removed, with only the old value, whose INDEX is
	// that in the list before the write; and after these, an update for each entry
	// that it added, with only the new value, whose INDEX is that in the list after
	// the write. Both are in the order of the lists. An entry that was moved was
	// removed and added.
	Path     string          `json:"path"`
	OldValue json.RawMessage `json:"oldValue,omitzero"`
	NewValue json.RawMessage `json:"newValue,omitzero"`
}

// Retention says how much history a store keeps of each tenant.
type Retention struct {
	// Records is the maximum number of records. 0 keeps none.
	Records int
	// Age is how long a record is kept at most. 0 means no limit.
	Age time.Duration
}

// Since returns the time before which records are too old, or the zero time.
func (r Retention) Since(now time.Time) time.Time {
	if r.Age <= 0 {
		return time.Time{}
	}
	return now.Add(-r.Age)
}

// HistoryQuery selects records of a tenant. The zero values select all.
type HistoryQuery struct {
	Integration string // its id
	// Origin selects changes that added or removed an entry that lists it, and those
	// whose entries were not kept.
	Origin string
	// Cursor is the ID of a page's last record, after which this one begins. The
	// record need not exist any more.
	Cursor string
	// After is a revision: only later ones are wanted.
	After uint64
	// Newest begins with the newest record, instead of the oldest.
	Newest bool
	// Limit is the maximum number of records, and positive.
	Limit int
}

// HistoryPage is a page of records, in the order of their revisions, or in the reverse
// order with HistoryQuery.Newest.
type HistoryPage struct {
	Records []Record
	// Next is the cursor of the next page, or "" if there is none. A page of long
	// records has fewer than the limit.
	Next string
}

// Historian keeps the history of web integrations.
type Historian interface {
	// History reads a page of the tenant's records. The error is ErrUnknownCursor if
	// the cursor is not the ID of a record.
	History(ctx context.Context, tenant string, q HistoryQuery) (HistoryPage, error)
}

// RecordID returns the ID of the record at place n, from 0, among a tenant's records of
// a revision: the revision, and for n > 0 also a hyphen and n.
func RecordID(revision uint64, n int) string {
	id := strconv.FormatUint(revision, 10)
	if n > 0 {
		id += "-" + strconv.Itoa(n)
	}
	return id
}

// ParseRecordID is the reverse of RecordID.
func ParseRecordID(id string) (revision uint64, n int, ok bool) {
	first, rest, _ := strings.Cut(id, "-")
	revision, _ = strconv.ParseUint(first, 10, 63)
	place, _ := strconv.ParseUint(rest, 10, 31)
	n = int(place)
	return revision, n, RecordID(revision, n) == id
}

// RecordStatus says which records of writes the history lacks.
type RecordStatus struct {
	// Waiting is the number of records that will be added when the store has space.
	Waiting int
	// Lost is the number of records that will never be added.
	Lost uint64
}

// RecordKeeper is a Store whose history may lack records.
type RecordKeeper interface {
	RecordStatus() RecordStatus
}

type authorKey struct{}

type issuerKey struct{}

// WithAuthor returns a context whose writes are recorded as those of subject.
func WithAuthor(ctx context.Context, subject string) context.Context {
	return context.WithValue(ctx, authorKey{}, subject)
}

// Author returns the subject of WithAuthor, or "".
func Author(ctx context.Context) string {
	subject, _ := ctx.Value(authorKey{}).(string)
	return subject
}

// WithIssuer returns a context in which the author is one of the issuer's: subjects of
// different issuers may have the same name.
func WithIssuer(ctx context.Context, issuer string) context.Context {
	return context.WithValue(ctx, issuerKey{}, issuer)
}

// Issuer returns the issuer of WithIssuer, or "".
func Issuer(ctx context.Context) string {
	issuer, _ := ctx.Value(issuerKey{}).(string)
	return issuer
}
