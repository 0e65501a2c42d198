//go:build !linux

package lists_test

import "testing"

func mountSmallDisk(t *testing.T) string {
	t.Helper()
	t.Skip("a small file system can be mounted only on Linux")
	return ""
}

func fillDisk(*testing.T, string) (restore func()) { return nil }

func setReadOnly(*testing.T, string, bool) {}
