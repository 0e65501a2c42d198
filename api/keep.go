package api

import (
	"context"
	"errors"
	"net/http"

	"originwarden/api/problem"
	"originwarden/origins"
	"originwarden/store"
)

// keepError says that the lists could not be saved after a write, or after what may
// be the retry of one; see mayBeRetry.
type keepError struct {
	made bool // whether the write was made
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

// writeAndKeep makes a write that may remove origins, and saves the lists to disk, so
// that a restart without the store cannot undo it.
func (t *tenantRequest) writeAndKeep(r *http.Request, commit func(context.Context) (origins.Change, error)) error {
	err := t.Lists.Write(r.Context(), t.tenant, commit)
	if err != nil && !mayBeRetry(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), t.Timeout)
	defer cancel()
	if failed := t.Lists.Keep(ctx, t.tenant); failed != nil {
		return &keepError{err == nil, failed}
	}
	return err
}

// mayBeRetry reports whether a write that failed with err may be the retry of a write
// that was made. Its client takes a 404 or 412 for the confirmation of that one, so
// the lists have to be on disk as after the write itself.
func mayBeRetry(err error) bool {
	response, ok := errors.AsType[*problem.Response](err)
	return errors.Is(err, store.ErrNotFound) || ok && response.Status == http.StatusPreconditionFailed
}
