//go:build !unix

package disk_test

import "errors"

func limitFileSize(uint64) error { return errors.ErrUnsupported }
