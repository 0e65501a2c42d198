package store

import "errors"

// Refusal is an error with which a function that was given to Edit or Delete
// keeps the write from being made.
type Refusal interface {
	error
	RefusesWrite()
}

// IsOutcomeUnknown reports whether the write that returned err may have happened
// all the same.
func IsOutcomeUnknown(err error) bool {
	if failed, ok := errors.AsType[*WriteError](err); ok {
		return !failed.NotMade
	}
	if _, ok := errors.AsType[*LimitError](err); ok {
		return false
	}
	if _, ok := errors.AsType[Refusal](err); ok {
		return false
	}
	for _, refused := range []error{nil, ErrNotFound, ErrExists, ErrUnchanged} {
		if errors.Is(err, refused) {
			return false
		}
	}
	return true
}
