package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrReplaced is wrapped by the errors of a store whose file was removed or replaced
// while it was open.
var ErrReplaced = errors.New("the store's file was removed or replaced")

// ErrNewer is wrapped by the errors of a store that has a newer schema than this version
// knows.
var ErrNewer = errors.New("written by a newer originwarden")

// Cause is why a write fails. It is one of Causes.
type Cause string

// The causes.
const (
	CauseNoSpace     Cause = "no_space"    // the disk is full, or a quota is reached
	CauseReadOnly    Cause = "read_only"   // the file or its file system
	CauseDenied      Cause = "denied"      // the store does not permit it to this gateway
	CauseReplaced    Cause = "replaced"    // with ErrReplaced
	CauseReset       Cause = "reset"       // with a *ResetError
	CauseDamaged     Cause = "damaged"     // what is stored is damaged, or the disk fails
	CauseUnreachable Cause = "unreachable" // no response in time
	CauseOther       Cause = "other"
)

// Causes returns all causes.
func Causes() []Cause {
	return []Cause{CauseNoSpace, CauseReadOnly, CauseDenied, CauseReplaced, CauseReset, CauseDamaged, CauseUnreachable, CauseOther}
}

// Text describes the cause to people, without internals.
func (c Cause) Text() string {
	switch c {
	case CauseNoSpace:
		return "the store has no space left"
	case CauseReadOnly:
		return "the store is read-only"
	case CauseDenied:
		return "the store does not permit it"
	case CauseReplaced:
		return ErrReplaced.Error()
	case CauseReset:
		return ErrReset.Error()
	case CauseDamaged:
		return "the store is damaged, or its disk fails"
	case CauseUnreachable:
		return "the store is unreachable"
	}
	return "the store fails"
}

// WriteError says why a write failed.
type WriteError struct {
	Cause Cause
	// NotMade says that the write has not happened and will not. If it is false, the
	// outcome is unknown.
	NotMade bool
	// Err is the error of the store. It is meant for operators.
	Err error
}

func (e *WriteError) Error() string {
	if errors.Is(e.Err, ErrReplaced) || errors.Is(e.Err, ErrReset) {
		return e.Err.Error() // begins with the text
	}
	return fmt.Sprintf("%s: %v", e.Cause.Text(), e.Err)
}

// Unwrap returns Err.
func (e *WriteError) Unwrap() error { return e.Err }

// cause returns e.Cause, or "" if e is nil.
func (e *WriteError) cause() Cause {
	if e == nil {
		return ""
	}
	return e.Cause
}

// CauseOf returns the cause of err if it is a *WriteError, another error of this
// package, or that of a context. Otherwise it returns CauseOther.
func CauseOf(err error) Cause {
	if failed, ok := errors.AsType[*WriteError](err); ok {
		return failed.Cause
	}
	switch {
	case errors.Is(err, ErrReplaced):
		return CauseReplaced
	case errors.Is(err, ErrReset):
		return CauseReset
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return CauseUnreachable
	}
	return CauseOther
}

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
