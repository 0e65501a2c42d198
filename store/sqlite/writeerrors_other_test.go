//go:build !linux

package sqlite_test

import "errors"

// writeRefused is implemented only on Linux.
func writeRefused(string) error { return errors.ErrUnsupported }
