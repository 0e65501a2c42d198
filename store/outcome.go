package store

import "errors"

// Rejection is an error of a function that was passed to Edit or Delete and prevented
// the write.
type Rejection interface {
	error
	RejectsWrite()
}

// IsOutcomeUnknown reports whether the write that returned err may have happened.
func IsOutcomeUnknown(err error) bool {
	if err == nil {
		return false
	}
	if failed, ok := errors.AsType[*WriteError](err); ok {
		return !failed.NotMade
	}
	if _, ok := errors.AsType[*LimitError](err); ok {
		return false
	}
	if _, ok := errors.AsType[Rejection](err); ok {
		return false
	}
	for _, refused := range []error{ErrNotFound, ErrExists, ErrUnchanged} {
		if errors.Is(err, refused) {
			return false
		}
	}
	return true
}
