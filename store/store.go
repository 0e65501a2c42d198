package store

import (
	"context"
	"errors"
	"fmt"

	"originwarden/origins"
)

// The errors of a Store, besides *LimitError, *WriteError and those of functions that
// are passed in. Any other error means that the store did not answer. The outcome of
// the write is then unknown.
var (
	// ErrNotFound: the tenant has no web integration of that id.
	ErrNotFound = errors.New("web integration not found")
	// ErrUnknownCursor: the tenant has no web integration with the id of the cursor.
	ErrUnknownCursor = errors.New("unknown cursor")
	// ErrExists: some tenant has a web integration with that id.
	ErrExists = errors.New("web integration exists")
	// ErrUnchanged is returned by the function of an Edit that changes nothing.
	ErrUnchanged = errors.New("web integration unchanged")
	// ErrFeedGap: the feed cannot deliver the changes after the revision of a Watch
	// one by one. Read all lists again.
	ErrFeedGap = errors.New("the feed cannot continue")
	// ErrMissing: there is no store, and none may be created.
	ErrMissing = errors.New("there is no store")
	// ErrReset is wrapped by every *ResetError.
	ErrReset = errors.New("the store was reset")
)

// Limits are the limits of one tenant. Both are positive. They apply only to writes
// that add, so that a tenant that exceeds lowered limits can shrink in steps.
type Limits struct {
	Integrations int // web integrations
	Origins      int // entries, summed over all web integrations
}

// The values of LimitError.What.
const (
	LimitIntegrations = "web integrations"
	LimitOrigins      = "valid origins"
	LimitBytes        = "bytes of name and origins" // of one web integration
)

// LimitError is returned by a write that would exceed one of the Limits, or the size
// of a web integration that the store can hold.
type LimitError struct {
	What string // LimitIntegrations, LimitOrigins, or LimitBytes
	Max  int
}

func (e *LimitError) Error() string {
	subject := "a tenant"
	if e.What == LimitBytes {
		subject = "a web integration"
	}
	return fmt.Sprintf("%s may have at most %d %s", subject, e.Max, e.What)
}

// Position is a moment in the history of one store.
type Position struct {
	// Store is the identity of the store, a random name that it gets when it is
	// created. Revisions of different stores cannot be compared.
	Store string
	// Revision is that of the last write, or 0 if there was none.
	Revision uint64
}

// ResetError says that the store is another one than before, or an older state of it:
// it was emptied, replaced, or restored from a backup. It is neither read nor written
// until an operator accepts it.
type ResetError struct {
	Known Position // the newest known position
	Found Position // the current one; an empty store may have no identity yet
}

func (e *ResetError) Error() string {
	switch {
	case e.Found.Store != e.Known.Store:
		return fmt.Sprintf("%v: it is a different store, at revision %d; the known one was at %d", ErrReset, e.Found.Revision, e.Known.Revision)
	case e.Found.Revision < e.Known.Revision:
		return fmt.Sprintf("%v: it is at revision %d, and was at %d", ErrReset, e.Found.Revision, e.Known.Revision)
	}
	return fmt.Sprintf("%v: it was rolled back before revision %d and has since reached %d with other writes", ErrReset, e.Known.Revision, e.Found.Revision)
}

// Unwrap returns ErrReset.
func (e *ResetError) Unwrap() error { return ErrReset }

// Store keeps the web integrations of all tenants. It may be used concurrently.
//
// Every commit that changes something gets the next revision, a counter of the whole
// store that begins above 0, increases with every commit, and survives a reopen. Every
// write outside a Batch is its own commit. A write that has returned without an error
// is durable. A tenant that was never written to has no web integrations.
//
// Calls end with their context. Then, and after any error that is not one of this
// package, the outcome of a write is unknown. If the store cannot make a write, it
// fails with a *WriteError, which says whether the outcome is known.
//
// Every call but Accept fails with a *ResetError while the store is another one, and
// once it was found at an older state, even if it has the known revision again.
type Store interface {
	// Inventory has the refusals. What it writes has no revision.
	Inventory

	// Page reads a page of the tenant's web integrations. It fails with
	// ErrUnknownCursor if the cursor is not an id of this tenant, even with a limit
	// of 0. The cost depends only on the size of the page.
	Page(ctx context.Context, tenant string, q Query) (Page, error)

	// Integration reads one web integration, or fails with ErrNotFound.
	Integration(ctx context.Context, tenant, id string) (WebIntegration, error)

	// Create stores w with the next revision, and returns it with that revision. Its
	// strings are valid UTF-8. A nil list is stored as an empty one. The error is
	// ErrExists or a *LimitError.
	Create(ctx context.Context, w WebIntegration) (WebIntegration, error)

	// Edit runs edit on the tenant's web integration inside the write, so that no
	// other write comes in between. Changes of the id, the tenant or the revision
	// are ignored. If edit fails, nothing is written, and Edit returns that error,
	// except that after ErrUnchanged it returns the web integration and no error.
	// Otherwise the error is ErrNotFound or a *LimitError. edit may run several
	// times, and must not call a Store.
	Edit(ctx context.Context, tenant, id string, edit func(*WebIntegration) error) (WebIntegration, error)

	// Delete deletes the tenant's web integration if allow, which runs inside the
	// write, returns nil. Otherwise it returns the error of allow. The result is the
	// revision of the deletion. The error is ErrNotFound, also for a second
	// deletion. allow may run several times, and must not call a Store.
	Delete(ctx context.Context, tenant, id string, allow func(WebIntegration) error) (revision uint64, err error)

	// Batch makes the writes in their order, in as few commits as possible. Each
	// commit makes consecutive writes, all or none of them, which may share a
	// revision. The result has an error for each write that was refused, and nil for
	// the others: the error of Make, ErrExists if another tenant has the id, or a
	// *LimitError. A refused write does not affect the others. After an error of
	// Batch itself, the result ends with the last write of known outcome.
	Batch(ctx context.Context, writes []Write) (refused []error, err error)

	// CheckWrites returns the *WriteError that a write would fail with now, as far as
	// that can be known without a write. It changes nothing that any call but History
	// returns.
	CheckWrites(ctx context.Context) error

	// Load reads all web integrations of the tenant at one revision of the store, in
	// any order.
	Load(ctx context.Context, tenant string) (revision uint64, all []WebIntegration, err error)

	// Position returns the position of the last write that has returned, or a later
	// one.
	Position(ctx context.Context) (Position, error)

	// Tenants returns the revision of the last write of every tenant that was ever
	// written to, and the position at which they were read.
	Tenants(ctx context.Context) (Position, map[string]uint64, error)

	// Watch calls changed with every change after the revision: each once, in the
	// order of the commits, without gaps. One call may have several changes, the last
	// of them with the greatest revision. Watch returns the error of ctx when that
	// ends, and ErrFeedGap if it cannot deliver the changes after the revision.
	// After any other error a new Watch can resume after the last change. If the
	// store has not reached the revision yet, Watch waits for it.
	Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error

	Historian

	// Accept accepts the store as it is now, even after a reset, and returns its
	// position.
	Accept(ctx context.Context) (Position, error)

	// Close waits for the running calls and closes the store.
	Close() error
}

// Query selects a page of web integrations, which are sorted by the bytes of their
// names, then by id, so that pages neither repeat nor skip any of the same name.
type Query struct {
	// After and Before are ids. The page begins after the one or ends before the
	// other. At most one is set.
	After, Before string
	// Descending reverses the order, also for After and Before.
	Descending bool
	// Limit is the maximum number of web integrations. If it is 0, HasNext and
	// HasPrev are false.
	Limit int
	// Bytes ends the page after the web integration with which the valid origins reach
	// this many bytes. The store reads no more than that at once. 0 means no limit.
	Bytes int
}

// Full reports whether a page with that many bytes of valid origins is full.
func (q *Query) Full(bytes int) bool { return q.Bytes > 0 && bytes >= q.Bytes }

// Page is a page of a tenant's web integrations, in the order of the Query.
type Page struct {
	Integrations []WebIntegration
	// HasNext and HasPrev report whether there are others after the last one and
	// before the first one of this page. They are false on an empty page.
	HasNext, HasPrev bool
}

// Write is one write of a Batch, of one web integration.
type Write struct {
	Tenant, ID string
	// Make returns the web integration that replaces before, or nil to delete it.
	// before is nil if the tenant has none with this ID. Like the function of an Edit,
	// Make runs inside the write, cannot change the id, the tenant or the revision,
	// may run several times, and must not call a Store. Its error refuses only this
	// write. After ErrUnchanged nothing is written, and the write is not refused.
	Make func(before *WebIntegration) (after *WebIntegration, err error)
}

// ManyLoader is a Store that reads the lists of several tenants in less time than one
// after the other.
type ManyLoader interface {
	// LoadMany reads what Load returns for each of the tenants, all at one revision. A
	// tenant that is not in the map was not read, because there was too much.
	LoadMany(ctx context.Context, tenants []string) (revision uint64, all map[string][]WebIntegration, err error)
}
