package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"originwarden/store"
)

// smallDisk is a file system of its own, of so many bytes.
func smallDisk(t *testing.T, bytes string) (dir string) {
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

// fillDisk writes a file until there are so many bytes of space left.
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

// The space ends at every page of what is written.
func TestStore_SaysThatTheDiskIsFull(t *testing.T) {
	dir := smallDisk(t, "8m")
	path, ballast := filepath.Join(dir, "lists.db"), filepath.Join(dir, "ballast")
	s := open(t, ample(path))
	was := create(t, s, entry("was", 100))
	acknowledged, refused := map[string]bool{was.ID: true}, map[string]bool{}
	for left := range int64(24) {
		fillDisk(t, ballast, left*4096)
		for {
			w := entry("one", 100)
			_, err := s.Create(t.Context(), w)
			if err == nil {
				acknowledged[w.ID] = true
				continue
			}
			refused[w.ID] = wantNoSpace(t, err)
			break
		}
		if _, err := s.Integration(t.Context(), "acme", was.ID); err != nil {
			t.Errorf("a read: %v", err)
		}
		fillDisk(t, ballast, 0)
		wantNoSpace(t, s.CheckWrites(t.Context()))
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := s.CheckWrites(t.Context()); err != nil {
			t.Errorf("a check with space: %v", err)
		}
	}
	wantKept(t, crashed(t, path), acknowledged, refused)
}

// wantNoSpace reports whether the error says that the write was not made.
func wantNoSpace(t *testing.T, err error) bool {
	t.Helper()
	why, ok := errors.AsType[*store.WriteError](err)
	if !ok || why.Cause != store.CauseNoSpace {
		t.Fatalf("a write fails with %v", err)
	}
	if !why.NotMade {
		t.Logf("unknown: %v", err)
	}
	return why.NotMade
}

// crashed returns what the machine would find after it lost its power now.
func crashed(t *testing.T, path string) store.Store {
	t.Helper()
	found := filepath.Join(t.TempDir(), "lists.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(found+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, ample(found))
}

func wantKept(t *testing.T, s store.Store, acknowledged, refused map[string]bool) {
	t.Helper()
	_, all, err := s.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		delete(acknowledged, w.ID)
		if refused[w.ID] {
			t.Errorf("%s is there, and was said not to be made", w.ID)
		}
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d are not there", len(acknowledged))
	}
}
