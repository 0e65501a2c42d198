//go:build !linux

package lists_test

import "testing"

func onSmallDisk(t *testing.T) string {
	t.Helper()
	t.Skip("a small file system is mounted on Linux alone")
	return ""
}

func fill(*testing.T, string) (restore func()) { return nil }

func setReadOnly(*testing.T, string, bool) {}
