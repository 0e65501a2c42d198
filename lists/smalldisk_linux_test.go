package lists_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// mountSmallDisk returns the path of a directory that does not exist yet, on a
// file system of 64 KiB.
func mountSmallDisk(t *testing.T) string {
	t.Helper()
	at := t.TempDir()
	if err := syscall.Mount("none", at, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(at, "lists")
}

// fillDisk fills the file system of the directory.
func fillDisk(t *testing.T, path string) (restore func()) {
	file := filepath.Join(filepath.Dir(path), "full")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not small")
	}
	return func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

func setReadOnly(t *testing.T, at string, is bool) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if is {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("none", at, "tmpfs", flags, ""); err != nil {
		t.Fatal(err)
	}
}
