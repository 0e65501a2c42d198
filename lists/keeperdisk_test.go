package lists_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/lists/liststest"
	"originwarden/store"
)

const revoked = "https://app-0.at-1.example" // in acme's list until web integration one is deleted

// revoke removes an origin from acme's list and waits until that is on disk.
func (h *keeperHarness) revoke(t *testing.T) error {
	t.Helper()
	h.Lists.Apply(newDeletion("one", 2))
	return h.Flush(t.Context())
}

// wantRevoked reads what the next start would read if the process were killed
// now.
func wantRevoked(t *testing.T, path string) {
	t.Helper()
	d := openCopy(t, path)
	defer closeDisk(t, d)
	if s, err := d.Read(); err == nil && s.Lists["acme"].Contains(revoked) {
		t.Errorf("the next start would serve a revoked origin from a snapshot at %v", s.At)
	}
}

func TestKeeper_FlushWritesEveryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.start(t)
		for revision := uint64(2); revision < 5; revision++ { // while no time passes, so only Flush writes
			h.Lists.Apply(newChange("one", revision, "https://new.example"))
			if err := h.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantOnDisk(t, h.path, h.snapshot())
		}
	})
}

func TestKeeper_FlushReturnsWhenContextOrKeeperEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush without a running keeper: %v", err)
		}
		h.start(t)
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		if err := h.revoke(t); err == nil {
			t.Error("Flush after the keeper stopped returned nil")
		}
	})
}

// If a change cannot be written, the older snapshot must not undo it.
func TestKeeper_InvalidatesSnapshotIfChangeCannotBeWritten(t *testing.T) {
	rows := []struct {
		rule     string
		path     func(*testing.T) string
		obstruct func(t *testing.T, path string) (restore func())
	}{
		{"full disk", mountSmallDisk, fillDisk},
		{"directory replaced by another directory", newDir, replaceDir(func(path string) error {
			return os.Mkdir(path, 0o777)
		})},
		{"directory replaced by a file", newDir, replaceDir(func(path string) error {
			return os.WriteFile(path, nil, 0o600)
		})},
		{"directory without write permission", newDir, denyWrites},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			path := row.path(t)
			for _, flushed := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					h := newKeeperIn(t, path)
					h.load(t, "acme")
					h.start(t)
					advance(time.Second)
					restore := row.obstruct(t, path)
					if h.Lists.Apply(newDeletion("one", 2)); flushed {
						if err := h.Flush(t.Context()); err != nil {
							t.Errorf("Flush: %v", err)
						}
					} else {
						advance(time.Second)
					}
					if h.Err() == nil || h.logText() != "[true]" {
						t.Errorf("error %v, logged %s", h.Err(), h.logText())
					}
					restore()
					wantRevoked(t, path)
					advance(5 * time.Second)
					wantOnDisk(t, path, h.snapshot())
					if h.Err() != nil || h.logText() != "[true false]" {
						t.Errorf("after restoring: error %v, logged %s", h.Err(), h.logText())
					}
					if err := errors.Join(h.stop(), h.Disk.(*disk.Disk).Close()); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// replaceDir moves the directory away and calls put to replace it.
func replaceDir(put func(path string) error) func(*testing.T, string) func() {
	return func(t *testing.T, path string) func() {
		aside := path + ".aside"
		if err := errors.Join(os.Rename(path, aside), put(path), os.Chmod(path, 0o777)); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := errors.Join(os.RemoveAll(path), os.Rename(aside, path)); err != nil {
				t.Error(err)
			}
		}
	}
}

// denyWrites removes the permission to create files in the directory.
func denyWrites(t *testing.T, path string) func() {
	if os.Geteuid() <= 0 {
		t.Skip("permissions do not apply to this user")
	}
	if err := os.Chmod(path, 0o500); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Chmod(path, 0o700); err != nil {
			t.Error(err)
		}
	}
}

// The snapshot on a read-only disk can be neither updated nor invalidated, so the
// change must not be reported as written.
func TestKeeper_FlushFailsOnReadOnlyDisk(t *testing.T) {
	path := mountSmallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		h := newKeeperIn(t, path)
		h.load(t, "acme")
		h.start(t)
		advance(time.Second)
		setReadOnly(t, filepath.Dir(path), true)
		for range 2 {
			if err := h.revoke(t); err == nil || h.Err() == nil {
				t.Errorf("Flush: %v, error %v", err, h.Err())
			}
			advance(time.Minute)
		}
		wantRefused(t, h.Disk.(*disk.Disk), "a snapshot that may be outdated") // as at a start
		setReadOnly(t, filepath.Dir(path), false)
		advance(time.Second)
		wantOnDisk(t, path, h.snapshot())
		if err := errors.Join(h.Flush(t.Context()), h.Err()); err != nil {
			t.Error(err)
		}
		if err := errors.Join(h.stop(), h.Disk.(*disk.Disk).Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestKeeper_RecreatesDirectory(t *testing.T) {
	rows := []struct {
		rule   string
		remove func(path string) error
	}{
		{"removed", os.RemoveAll},
		{"moved away", func(path string) error { return os.Rename(path, path+".aside") }},
		{"replaced by an empty directory", func(path string) error {
			return errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700))
		}},
		{"all files removed", func(path string) error {
			files, err := filepath.Glob(filepath.Join(path, "*"))
			for _, file := range files {
				err = errors.Join(err, os.Remove(file))
			}
			return err
		}},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newKeeper(t)
				h.load(t, "acme")
				h.start(t)
				advance(time.Second)
				if err := row.remove(h.path); err != nil {
					t.Fatal(err)
				}
				h.setRevision(1, time.Now().Truncate(time.Second)) // nothing else changes
				advance(5 * time.Second)
				wantOnDisk(t, h.path, h.snapshot())
				if h.logText() != "[]" || h.Err() != nil {
					t.Errorf("logged %s, error %v", h.logText(), h.Err())
				}
				wantLocked(t, h.path)
			})
		})
	}
}

func wantLocked(t *testing.T, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if d, err := disk.Open(ctx, path); err == nil {
		t.Error("another process can open the directory")
		closeDisk(t, d)
	}
}

// If the disk cannot be written, the snapshot is invalidated only when it is out
// of date.
func TestKeeper_KeepsSnapshotThatIsStillValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.start(t)
		advance(time.Second)
		before := h.snapshot()
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		next := &keeperHarness{path: h.path, at: before.At}
		next.Keeper.Disk, next.State = h.Disk, h.State
		next.Lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 1000}}, nil)
		next.Lists.RestoreList("acme", before.Lists["acme"], before.Confirmed)
		next.Restored = next.Lists.Installs()
		next.start(t)
		restore := replaceDir(func(path string) error { return os.WriteFile(path, nil, 0o600) })(t, h.path)
		h.setRevision(1, time.Now().Truncate(time.Second))
		advance(time.Minute)
		if next.Err() == nil {
			t.Error("no error is reported")
		}
		if err := next.Flush(t.Context()); err != nil {
			t.Errorf("Flush: %v", err)
		}
		restore()
		wantOnDisk(t, h.path, before)
		restore = replaceDir(func(path string) error { return os.WriteFile(path, nil, 0o600) })(t, h.path)
		if err := next.revoke(t); err != nil {
			t.Errorf("Flush: %v", err)
		}
		restore()
		wantRevoked(t, h.path)
	})
}

// Until the lists of an accepted store are loaded, a change of it cannot be
// written, and the snapshot is of the old store.
func TestKeeper_FlushInvalidatesSnapshotOfAnotherStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.start(t)
		advance(time.Second)
		h.setPosition(store.Position{})
		h.Lists.StartOver()
		if err := h.revoke(t); err != nil {
			t.Fatal(err)
		}
		wantRevoked(t, h.path)
		if h.Err() == nil || h.logText() != "[true]" {
			t.Errorf("error %v, logged %s", h.Err(), h.logText())
		}
		h.setPosition(store.Position{Store: "two", Revision: 2})
		advance(time.Second)
		wantOnDisk(t, h.path, h.snapshot())
		if h.Err() != nil || h.logText() != "[true false]" {
			t.Errorf("after restoring: error %v, logged %s", h.Err(), h.logText())
		}
	})
}

func TestKeeper_ReportsFailedInvalidationWithoutPosition(t *testing.T) {
	path := mountSmallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		h := newKeeperIn(t, path)
		h.load(t, "acme")
		h.start(t)
		advance(time.Second)
		h.setPosition(store.Position{})
		setReadOnly(t, filepath.Dir(path), true)
		for range 2 {
			if err := h.revoke(t); err == nil || h.Err() == nil || h.logText() != "[true]" {
				t.Errorf("Flush: %v, error %v, logged %s", err, h.Err(), h.logText())
			}
		}
		setReadOnly(t, filepath.Dir(path), false)
		if err := h.revoke(t); err != nil || h.logText() != "[true true]" { // the snapshot is invalid now
			t.Errorf("Flush: %v, logged %s", err, h.logText())
		}
		wantRevoked(t, path)
		if err := errors.Join(h.stop(), h.Disk.(*disk.Disk).Close()); !errors.Is(err, h.Err()) {
			t.Error(err)
		}
	})
}
