package command

import "errors"

// failure is the error of a command that was called correctly.
type failure struct{ error }

// Unwrap returns what failed.
func (f failure) Unwrap() error { return f.error }

// Failed returns err, if it is not nil, as the failure of a command that was
// called correctly. Any other error of a command is a mistake in how it was
// called.
func Failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

// IsFailure reports whether err is one of Failed.
func IsFailure(err error) bool {
	_, is := errors.AsType[failure](err)
	return is
}

// JoinFailures returns the failures as one, or the first error that is a mistake
// in how the command was called.
func JoinFailures(failures []error) error {
	for _, err := range failures {
		if !IsFailure(err) {
			return err
		}
	}
	return Failed(errors.Join(failures...))
}
