package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"originwarden/origins"
)

// Errors of EditOrigins.
var (
	// ErrInvalidOrigin: an origin to add is not a valid entry. Nothing was written.
	ErrInvalidOrigin = errors.New("invalid origin")
	// ErrNoETag: the server sends no ETag, or a weak one, so that a change could undo
	// another one.
	ErrNoETag = errors.New("the server sends no strong ETag")
)

// OriginsEdit is what EditOrigins did.
type OriginsEdit struct {
	// Added and Removed are the origins that were added and removed, as they were
	// given. Unchanged are those to add that were listed already, in this or another
	// form, and those to remove that had no entry.
	Added     []string `json:"added"`
	Removed   []string `json:"removed"`
	Unchanged []string `json:"unchanged"`

	// Response is that of the write. If nothing had to be written, Revision may be 0.
	Response `json:"-"`
}

func (*OriginsEdit) check() error { return nil }

// EditOrigins removes origins, or patterns, from the valid origins of a web integration
// and adds others, all of them or none. It compares canonical forms: upper case or a
// default port makes no difference. Changes that others make at the same time are kept.
//
// A server of originwarden does that in one request. With another one, or an older
// version, EditOrigins reads the web integration and changes it with If-Match, and
// starts again after ErrPreconditionFailed, up to a hundred times. In all it then waits
// for rate limits no longer than MaxWait.
func (c *Client) EditOrigins(ctx context.Context, id string, add, remove []string) (OriginsEdit, error) {
	for _, entry := range add {
		if _, err := origins.HostedPatterns.ParseEntry(entry); err != nil {
			return OriginsEdit{}, fmt.Errorf("%w %.200q: %w", ErrInvalidOrigin, entry, err)
		}
	}
	var edit OriginsEdit
	r, err := c.callJSON(ctx, apiCall{method: http.MethodPatch, id: &id, below: "/valid-origins", success: http.StatusOK, body: struct {
		Add    []string `json:"add"`
		Remove []string `json:"remove"`
	}{nonNil(add), nonNil(remove)}}, &edit)
	edit.Response = r
	refused, _ := errors.AsType[*Error](err)
	if refused != nil && (refused.Status == http.StatusNotFound || refused.Status == http.StatusMethodNotAllowed) {
		return c.editByETag(ctx, id, add, remove)
	}
	return edit, err
}

const (
	maxConflicts     = 100
	minConflictDelay = 250 * time.Millisecond
	maxConflictDelay = 8 * time.Second
)

// editByETag edits with If-Match, until no other change comes in between.
func (c *Client) editByETag(ctx context.Context, id string, add, remove []string) (OriginsEdit, error) {
	once := *c
	once.MaxWait = -1 // what was read is outdated after a wait
	left := cmp.Or(c.MaxWait, time.Minute)
	for conflicts, waits := 0, 0; ; {
		edit, err := once.tryEdit(ctx, id, add, remove)
		limited, _ := errors.AsType[*Error](err)
		var delay time.Duration
		switch {
		case errors.Is(err, ErrPreconditionFailed) && conflicts < maxConflicts:
			delay = conflictDelay(conflicts)
			conflicts++
		case errors.Is(err, ErrRateLimited) && limited.RetryAfter > 0 && limited.RetryAfter <= left:
			delay = limited.RetryAfter + conflictDelay(waits)
			left -= limited.RetryAfter
			waits++
			if c.OnWait != nil {
				c.OnWait(limited.RetryAfter)
			}
		default:
			return edit, err
		}
		if endsWithin(ctx, delay) {
			return OriginsEdit{}, err
		}
		if err := waitFor(ctx, delay); err != nil {
			return OriginsEdit{}, fmt.Errorf("waiting to try again: %w", err)
		}
	}
}

// conflictDelay grows with every round. It is random, so that clients that collided do
// not collide again.
func conflictDelay(round int) time.Duration {
	return rand.N(min(minConflictDelay<<min(round, 10), maxConflictDelay))
}

func (c *Client) tryEdit(ctx context.Context, id string, add, remove []string) (OriginsEdit, error) {
	found, err := c.Get(ctx, id)
	if err != nil {
		return OriginsEdit{}, err
	}
	after, edit := origins.EditEntries(found.ValidOrigins, add, remove)
	made := OriginsEdit{Added: edit.Added, Removed: edit.Removed, Unchanged: edit.Unchanged}
	switch {
	case !edit.Changes():
		made.ETag = found.ETag
	case found.IfMatch() == "":
		return OriginsEdit{}, fmt.Errorf("changing %.200q: %w", id, ErrNoETag)
	default:
		made.Response, err = c.Patch(ctx, id, []Operation{ReplaceValidOrigins(after...)}, found.IfMatch())
	}
	return made, err
}
