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
	if failed, ok := errors.AsType[*WriteError](err); ok {
		return !failed.NotMade
	}
	_, limited := errors.AsType[*LimitError](err)
	_, rejected := errors.AsType[Rejection](err)
	refused := limited || rejected || errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) || errors.Is(err, ErrUnchanged)
	return err != nil && !refused
}
