package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"originwarden/store"
)

// mountDisk mounts a file system of this size, and returns its directory.
func mountDisk(t *testing.T, bytes string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("mounting a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk writes to the file until only so many bytes of space are left.
func fillDisk(t *testing.T, file string, left int64) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var size int64
	for ; err == nil; size += 4096 {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Truncate(size - 4096 - left); err != nil {
		t.Fatal(err)
	}
}

// TestStore_ReportsFullDisk starts writing with 0 to 23 free pages, so that the space
// runs out at every page of a write.
func TestStore_ReportsFullDisk(t *testing.T) {
	dir := mountDisk(t, "8m")
	path, ballast := filepath.Join(dir, "lists.db"), filepath.Join(dir, "ballast")
	s := openStore(t, testOptions(path))
	original := create(t, s, newIntegration("was", 100))
	acknowledged, refused := map[string]bool{original.ID: true}, map[string]bool{}
	for left := range int64(24) {
		fillDisk(t, ballast, left*4096)
		for {
			w := newIntegration("one", 100)
			_, err := s.Create(t.Context(), w)
			if err == nil {
				acknowledged[w.ID] = true
				continue
			}
			refused[w.ID] = wantNoSpace(t, err)
			break
		}
		if _, err := s.Integration(t.Context(), "acme", original.ID); err != nil {
			t.Errorf("read with a full disk: %v", err)
		}
		fillDisk(t, ballast, 0)
		wantNoSpace(t, s.CheckWrites(t.Context()))
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := s.CheckWrites(t.Context()); err != nil {
			t.Errorf("CheckWrites with space: %v", err)
		}
	}
	wantAcknowledgedOnly(t, openAfterCrash(t, path), acknowledged, refused)
}

// wantNoSpace checks that a write failed because the disk is full, and reports whether
// the error says that it was not made.
func wantNoSpace(t *testing.T, err error) bool {
	t.Helper()
	why, ok := errors.AsType[*store.WriteError](err)
	if !ok || why.Cause != store.CauseNoSpace {
		t.Fatalf("the write failed with %v, want cause %q", err, store.CauseNoSpace)
	}
	if !why.NotMade {
		t.Logf("outcome unknown: %v", err)
	}
	return why.NotMade
}

// openAfterCrash opens a copy of the files, as after a power failure.
func openAfterCrash(t *testing.T, path string) store.Store {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "lists.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return openStore(t, testOptions(copied))
}

// wantAcknowledgedOnly checks that the store has every acknowledged write, and none
// that was reported as not made.
func wantAcknowledgedOnly(t *testing.T, s store.Store, acknowledged, refused map[string]bool) {
	t.Helper()
	_, all, err := s.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		delete(acknowledged, w.ID)
		if refused[w.ID] {
			t.Errorf("%s is stored, but was reported as not made", w.ID)
		}
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged writes are lost", len(acknowledged))
	}
}
