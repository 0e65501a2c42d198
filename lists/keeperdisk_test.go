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

const revoked = "https://app-0.at-1.example" // of acme's list, until web integration one is deleted

// revoke has acme's list lose an origin, and waits until that is kept.
func (h *house) revoke(t *testing.T) error {
	t.Helper()
	h.Lists.Apply(deleted("one", 2))
	return h.Flush(t.Context())
}

// wantRevoked reads what a start would, if the process were killed now.
func wantRevoked(t *testing.T, path string) {
	t.Helper()
	d := copied(t, path)
	defer shut(t, d)
	if s, err := d.Read(); err == nil && s.Lists["acme"].Contains(revoked) {
		t.Errorf("a start would serve an origin that was revoked, of a snapshot at %v", s.At)
	}
}

func TestKeeper_HasEveryChangeOnDiskAfterAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.start(t)
		for revision := uint64(2); revision < 5; revision++ { // while no time passes
			h.Lists.Apply(changed("one", revision, "https://new.example"))
			if err := h.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantCopy(t, h.path, h.now())
		}
	})
}

func TestKeeper_FlushEndsWithItsContextOrTheKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody keeps the lists, and Flush returns %v", err)
		}
		h.start(t)
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		if err := h.revoke(t); err == nil {
			t.Error("nobody keeps the lists any more, and Flush returns nil")
		}
	})
}

// Whatever keeps a change from the disk, what was there before does not undo it.
func TestKeeper_LeavesNothingFromBeforeAChangeThatItCannotWrite(t *testing.T) {
	rows := []struct {
		rule     string
		path     func(*testing.T) string
		obstruct func(t *testing.T, path string) (restore func())
	}{
		{"the disk is full", onSmallDisk, fill},
		{"the directory was moved away, and another one is in its place", dir, replaceBy(func(path string) error {
			return os.Mkdir(path, 0o777)
		})},
		{"the directory was moved away, and a file is in its place", dir, replaceBy(func(path string) error {
			return os.WriteFile(path, nil, 0o600)
		})},
		{"the directory may not be written to", dir, forbid},
	}
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			path := row.path(t)
			for _, flushed := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					h := keepingIn(t, path)
					h.load(t, "acme")
					h.start(t)
					pass(time.Second)
					restore := row.obstruct(t, path)
					if h.Lists.Apply(deleted("one", 2)); flushed {
						if err := h.Flush(t.Context()); err != nil {
							t.Errorf("Flush: %v", err)
						}
					} else {
						pass(time.Second)
					}
					if h.Err() == nil || h.log() != "[true]" {
						t.Errorf("the error is %v, logged %s", h.Err(), h.log())
					}
					restore()
					wantRevoked(t, path)
					pass(5 * time.Second)
					wantCopy(t, path, h.now())
					if h.Err() != nil || h.log() != "[true false]" {
						t.Errorf("later, the error is %v, logged %s", h.Err(), h.log())
					}
					if err := errors.Join(h.stop(), h.Disk.(*disk.Disk).Close()); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// replaceBy moves the directory away and puts something else in its place.
func replaceBy(put func(path string) error) func(*testing.T, string) func() {
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

// forbid takes the right to make files in the directory.
func forbid(t *testing.T, path string) func() {
	if os.Geteuid() <= 0 {
		t.Skip("nothing is forbidden to this user")
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

// Then nothing can be done about what is there, and so nobody may take the
// change for kept.
func TestKeeper_FlushFailsWhereTheDiskIsReadOnly(t *testing.T) {
	path := onSmallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		h := keepingIn(t, path)
		h.load(t, "acme")
		h.start(t)
		pass(time.Second)
		setReadOnly(t, filepath.Dir(path), true)
		for range 2 {
			if err := h.revoke(t); err == nil || h.Err() == nil {
				t.Errorf("Flush: %v, and the error is %v", err, h.Err())
			}
			pass(time.Minute)
		}
		wantRefused(t, h.Disk.(*disk.Disk), "one that may be behind") // as at a start
		setReadOnly(t, filepath.Dir(path), false)
		pass(time.Second)
		wantCopy(t, path, h.now())
		if err := errors.Join(h.Flush(t.Context()), h.Err()); err != nil {
			t.Error(err)
		}
		if err := errors.Join(h.stop(), h.Disk.(*disk.Disk).Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestKeeper_MakesTheDirectoryAgain(t *testing.T) {
	rows := []struct {
		rule   string
		remove func(path string) error
	}{
		{"it was removed", os.RemoveAll},
		{"it was moved away", func(path string) error { return os.Rename(path, path+".aside") }},
		{"it was replaced by an empty one", func(path string) error {
			return errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700))
		}},
		{"all its files were removed", func(path string) error {
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
				h := keeping(t)
				h.load(t, "acme")
				h.start(t)
				pass(time.Second)
				if err := row.remove(h.path); err != nil {
					t.Fatal(err)
				}
				h.move(1, time.Now().Truncate(time.Second)) // nothing else changes
				pass(5 * time.Second)
				wantCopy(t, h.path, h.now())
				if h.log() != "[]" || h.Err() != nil {
					t.Errorf("logged %s, the error is %v", h.log(), h.Err())
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
		t.Error("another process may use it")
		shut(t, d)
	}
}

// A disk that is full of others' files costs what is there only when that is
// wrong.
func TestKeeper_LeavesWhatIsStillRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.start(t)
		pass(time.Second)
		before := h.now()
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		next := &house{path: h.path, at: before.At}
		next.Keeper.Disk, next.State = h.Disk, h.State
		next.Lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 1000}}, nil)
		next.Lists.RestoreList("acme", before.Lists["acme"], before.Confirmed)
		next.Restored = next.Lists.Installs()
		next.start(t)
		restore := replaceBy(func(path string) error { return os.WriteFile(path, nil, 0o600) })(t, h.path)
		h.move(1, time.Now().Truncate(time.Second))
		pass(time.Minute)
		if next.Err() == nil {
			t.Error("it tells of no error")
		}
		if err := next.Flush(t.Context()); err != nil {
			t.Errorf("Flush: %v", err)
		}
		restore()
		wantCopy(t, h.path, before)
		restore = replaceBy(func(path string) error { return os.WriteFile(path, nil, 0o600) })(t, h.path)
		if err := next.revoke(t); err != nil {
			t.Errorf("Flush: %v", err)
		}
		restore()
		wantRevoked(t, h.path)
	})
}

// Until the lists of a store that was taken over are there, a change of it
// cannot be written, and what is there is of the store before.
func TestKeeper_FlushLeavesNothingOfAnotherStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.start(t)
		pass(time.Second)
		h.tell(store.Position{})
		h.Lists.StartOver()
		if err := h.revoke(t); err != nil {
			t.Fatal(err)
		}
		wantRevoked(t, h.path)
		if h.Err() == nil || h.log() != "[true]" {
			t.Errorf("the error is %v, logged %s", h.Err(), h.log())
		}
		h.tell(store.Position{Store: "two", Revision: 2})
		pass(time.Second)
		wantCopy(t, h.path, h.now())
		if h.Err() != nil || h.log() != "[true false]" {
			t.Errorf("later, the error is %v, logged %s", h.Err(), h.log())
		}
	})
}

func TestKeeper_TellsThatItCouldNotInvalidateWithoutAPosition(t *testing.T) {
	path := onSmallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		h := keepingIn(t, path)
		h.load(t, "acme")
		h.start(t)
		pass(time.Second)
		h.tell(store.Position{})
		setReadOnly(t, filepath.Dir(path), true)
		for range 2 {
			if err := h.revoke(t); err == nil || h.Err() == nil || h.log() != "[true]" {
				t.Errorf("Flush: %v, the error is %v, logged %s", err, h.Err(), h.log())
			}
		}
		setReadOnly(t, filepath.Dir(path), false)
		if err := h.revoke(t); err != nil || h.log() != "[true true]" { // what was there is invalid now
			t.Errorf("Flush: %v, logged %s", err, h.log())
		}
		wantRevoked(t, path)
		if err := errors.Join(h.stop(), h.Disk.(*disk.Disk).Close()); !errors.Is(err, h.Err()) {
			t.Error(err)
		}
	})
}
