package api

import (
	"context"
	"errors"
	"net/http"

	"originwarden/origins"
	"originwarden/store"
)

// keepError says why the lists could not be kept after a write that was made, or
// after one that was refused as one before may have been made.
type keepError struct {
	made bool // the write
	err  error
}

func (e *keepError) Error() string { return e.err.Error() }

func (e *keepError) Unwrap() error { return e.err }

// detail tells a client what became of the write.
func (e *keepError) detail() string {
	if e.made {
		return "The write was made and is in force at this gateway, but its lists are not kept on disk: a start without the store may undo it."
	}
	return "The write was not made, and the lists in force at this gateway are not kept on disk: a start without the store may undo earlier writes."
}

// commitAndKeep makes a write that may take origins off the list, and keeps the
// list, so that no start without the store undoes it.
func (t *tenant) commitAndKeep(r *http.Request, write func(context.Context) (origins.Change, error)) error {
	err := t.Lists.Write(r.Context(), t.id, write)
	if err != nil && !answersRepetition(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), t.Timeout)
	defer cancel()
	if failed := t.Lists.Keep(ctx, t.id); failed != nil {
		return &keepError{err == nil, failed}
	}
	return err
}

// answersRepetition reports whether err is what a write is refused with when it
// was made before: to its client it says that the write is in force.
func answersRepetition(err error) bool {
	refused, ok := errors.AsType[*refusal](err)
	return errors.Is(err, store.ErrNotFound) || ok && refused.status == http.StatusPreconditionFailed
}
