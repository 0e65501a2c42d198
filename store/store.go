package store

import (
	"context"
	"errors"
	"fmt"

	"originwarden/origins"
)

// What a Store's calls fail with, beside a *LimitError, a *WriteError and what
// the functions that were handed in return. Any other error says that the store
// did not answer: what was read is nothing, and whether a write happened is not
// known.
var (
	// ErrNotFound: the tenant has no web integration of that id.
	ErrNotFound = errors.New("web integration not found")
	// ErrUnknownCursor: a page begins at an id that the tenant does not have.
	ErrUnknownCursor = errors.New("unknown cursor")
	// ErrExists: the id is taken, by whichever tenant.
	ErrExists = errors.New("web integration exists")
	// ErrUnchanged is returned by an Edit's function that wants nothing written.
	ErrUnchanged = errors.New("web integration unchanged")
	// ErrCompacted: the history after that revision is not kept any more.
	ErrCompacted = errors.New("history compacted")
	// ErrMissing: there is no store, and none is to be made.
	ErrMissing = errors.New("there is no store")
	// ErrReset is wrapped by every *ResetError.
	ErrReset = errors.New("the store was reset")
)

// Limits bound what one tenant may keep. Both are positive. Only a write that
// adds is held to them, so a tenant that has more than it may, because they
// were lowered, can shrink in steps.
type Limits struct {
	Integrations int // web integrations of a tenant
	Origins      int // entries over all web integrations of a tenant
}

// What a LimitError is about.
const (
	LimitIntegrations = "web integrations"
	LimitOrigins      = "valid origins"
)

// LimitError says that a write would exceed one of the Limits.
type LimitError struct {
	What string // LimitIntegrations or LimitOrigins
	Max  int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("a tenant may have at most %d %s", e.Max, e.What)
}

// Position is a moment in the history of one store.
type Position struct {
	// Store is the identity of the store: random, made with it and kept by it.
	// Revisions of different stores do not compare.
	Store string
	// Revision is that of the last write, or 0 when there was none.
	Revision uint64
}

// ResetError says that what answers is not the store that was there before, or
// not with all that it had: it was emptied, replaced, or restored from a
// backup. Nothing is read from it and nothing written to it until an operator
// has it accepted.
type ResetError struct {
	Known Position // the newest that was seen
	Found Position // what is there; an empty store may have no identity yet
}

func (e *ResetError) Error() string {
	switch {
	case e.Found.Store != e.Known.Store:
		return fmt.Sprintf("%v: it is another one, at revision %d, than that known at revision %d", ErrReset, e.Found.Revision, e.Known.Revision)
	case e.Found.Revision < e.Known.Revision:
		return fmt.Sprintf("%v: it is at revision %d, and was at %d", ErrReset, e.Found.Revision, e.Known.Revision)
	}
	return fmt.Sprintf("%v: it was taken back behind revision %d, and has come to %d in another way", ErrReset, e.Known.Revision, e.Found.Revision)
}

// Unwrap returns ErrReset.
func (e *ResetError) Unwrap() error { return ErrReset }

// Store keeps the web integrations of all tenants. It may be used concurrently.
//
// Every commit that changes something takes the next revision: one counter for
// the whole store, strictly increasing in the order of the commits, which
// begins above 0 and survives a reopen. A write is a commit of its own, but in a
// Batch. A write that has returned without an
// error survives the end of the process and of the machine. A tenant that was
// never written to is one without web integrations.
//
// Calls end when their context does; then, as after any error that is none of
// this package's, it is not known whether a write happened. A *WriteError says
// whether it is, and is what a write fails with if the store cannot make it.
//
// Every call but Accept fails with a *ResetError while the store is not the one
// that it was, and from when it was older than it was seen before, also if it
// has come as far again.
type Store interface {
	// Page reads a part of the tenant's web integrations. The error is
	// ErrUnknownCursor for a cursor that is no id of this tenant, also on a
	// page of 0. The cost is that of the page, whatever the tenant has beside
	// it.
	Page(ctx context.Context, tenant string, q Query) (Page, error)

	// Integration reads one web integration, or fails with ErrNotFound.
	Integration(ctx context.Context, tenant, id string) (WebIntegration, error)

	// Create keeps w as it is, but for its Revision, and returns it with the
	// one it got. Its strings are valid UTF-8; a nil list is an empty one. The
	// error is ErrExists or a *LimitError.
	Create(ctx context.Context, w WebIntegration) (WebIntegration, error)

	// Edit runs edit on the tenant's web integration inside the write, so that
	// no other write comes between what edit sees and what is kept. Edits of
	// the id, the tenant or the revision are ignored. An error of edit is
	// returned as it is, with nothing written; after ErrUnchanged that is
	// success, and the result is the web integration as it was. Else the error
	// is ErrNotFound or a *LimitError. edit may run several times, and calls
	// no Store.
	Edit(ctx context.Context, tenant, id string, edit func(*WebIntegration) error) (WebIntegration, error)

	// Delete removes the tenant's web integration if allow, which sees it
	// inside the write, returns nil; otherwise its error is returned. The
	// result is the revision of the deletion. The error is ErrNotFound, also
	// for the second deletion. allow may run several times, and calls no Store.
	Delete(ctx context.Context, tenant, id string, allow func(WebIntegration) error) (revision uint64, err error)

	// Batch makes the writes in their order, with as few commits as the store
	// can: each is of writes that follow one another, and happens wholly or not
	// at all. Those of one commit may share a revision. The result has what each
	// write was refused with, or nil: an error of its Make, ErrExists if another
	// tenant has the id, or a *LimitError. A write that is refused keeps no other
	// one from being made. After an error of Batch itself the result ends with
	// the last write that is known to be made or refused; whether those behind it
	// were made is not known.
	Batch(ctx context.Context, writes []Write) (refused []error, err error)

	// CheckWrites fails with the *WriteError with which a write would fail now,
	// as far as that can be found out without one: it changes nothing that any
	// call returns.
	CheckWrites(ctx context.Context) error

	// Load reads all web integrations of the tenant at one revision of the
	// store, in no order.
	Load(ctx context.Context, tenant string) (revision uint64, all []WebIntegration, err error)

	// Position is that of the last write that has returned, or a later one.
	Position(ctx context.Context) (Position, error)

	// Tenants returns, for every tenant that was ever written to, the revision
	// of its last write, read together at one position.
	Tenants(ctx context.Context) (Position, map[string]uint64, error)

	// Watch calls changed with every change after the revision: each once, in
	// the order of the commits, without gaps. Changes that were known together
	// come in one call, the last of them with the greatest revision. It returns
	// when ctx ends, with its error; with ErrCompacted, if what came after the
	// revision is not known any more; or with another error, after which a new
	// Watch goes on from the last change that was handed over. A position that
	// the store has not reached yet is waited for.
	Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error

	// Accept takes the store as it is now, whatever was known of it, and
	// returns its position.
	Accept(ctx context.Context) (Position, error)

	// Close ends the use of the store, after the calls that run.
	Close() error
}

// Query selects a page. The order is by name, in the order of its bytes, then
// by id, so that pages neither repeat nor skip entries of one name.
type Query struct {
	// After and Before are ids; the page begins behind the one or ends before
	// the other. At most one is set.
	After, Before string
	// Descending turns the order around; After and Before follow it.
	Descending bool
	// Limit is the greatest number of entries on the page. A page of 0 has
	// neither a next nor a previous one.
	Limit int
	// Bytes ends a page early, with the entry by which the valid origins on it
	// come to so many bytes: it has one entry at least, and exceeds Bytes by less
	// than the last one. The store reads no more than that at once. 0 is no bound.
	Bytes int
}

// Full reports whether a page ends with entries of so many bytes.
func (q *Query) Full(bytes int) bool { return q.Bytes > 0 && bytes >= q.Bytes }

// Page is some of a tenant's web integrations, in the order asked for.
type Page struct {
	Integrations []WebIntegration
	// More and Less say that there are entries behind the last one, and before
	// the first one, of this page. An empty page has neither.
	More, Less bool
}
