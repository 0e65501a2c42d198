package api

import (
	"context"
	"errors"
	"net/http"

	"originwarden/origins"
	"originwarden/store"
)

// keepError says that the lists could not be kept after a write, or after one
// that was refused because it may have been made before.
type keepError struct {
	made bool // the write
	err  error
}

func (e *keepError) Error() string { return e.err.Error() }

func (e *keepError) Unwrap() error { return e.err }

// detail says in the response what happened to the write.
func (e *keepError) detail() string {
	if e.made {
		return "The write was made and is in force at this gateway, but its lists could not be saved to disk: a restart without the store may undo it."
	}
	return "The write was not made, and the lists in force at this gateway could not be saved to disk: a restart without the store may undo earlier writes."
}

// writeAndKeep makes a write that may remove origins from the list, and keeps the
// list, so that no start without the store undoes it.
func (t *tenantRequest) writeAndKeep(r *http.Request, commit func(context.Context) (origins.Change, error)) error {
	err := t.Lists.Write(r.Context(), t.tenant, commit)
	if err != nil && !mayBeRepeated(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), t.Timeout)
	defer cancel()
	if failed := t.Lists.Keep(ctx, t.tenant); failed != nil {
		return &keepError{err == nil, failed}
	}
	return err
}

// mayBeRepeated reports whether err refuses a write that may have been made
// before. To its client that error says that the write is in force.
func mayBeRepeated(err error) bool {
	refused, ok := errors.AsType[*errorResponse](err)
	return errors.Is(err, store.ErrNotFound) || ok && refused.status == http.StatusPreconditionFailed
}
