//go:build !unix

package disk_test

import "errors"

func limitFiles(uint64) error { return errors.ErrUnsupported }
