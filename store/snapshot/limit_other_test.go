//go:build !unix

package snapshot_test

import "errors"

func limitFiles(uint64) error { return errors.ErrUnsupported }
