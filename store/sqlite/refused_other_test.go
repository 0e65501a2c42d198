//go:build !linux

package sqlite_test

import "errors"

// writeRefused is for Linux.
func writeRefused(string) error { return errors.ErrUnsupported }
