package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"originwarden/lists/disk"
	"originwarden/origins"
)

func TestRead_RemovesInvalidatedSnapshot(t *testing.T) {
	d, path := newWrittenDisk(t)
	if err := d.Invalidate(); err != nil {
		t.Fatal(err)
	}
	closeDisk(t, d)
	d = openDisk(t, path)
	wantRefused(t, d, "an invalidated snapshot")
	if n, bytes := dirSize(t, path); n > 3 || bytes != 0 { // the lock, the lists and their journal
		t.Errorf("%d bytes in %d files, want an empty file", bytes, n)
	}
	s := snapshotAt(4, map[string]*origins.List{"acme": newDatedList(4, 2)})
	write(t, d, s)
	wantSame(t, read(t, d), s)
}

// A directory that was moved away may be moved back.
func TestWrite_InvalidatesDirectoryThatWasMovedAway(t *testing.T) {
	d, path := newWrittenDisk(t)
	s := snapshotAt(4, read(t, d).Lists)
	aside := path + ".aside"
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	write(t, d, s)
	wantSame(t, read(t, d), s)
	wantRefused(t, openDisk(t, aside), "the directory that was moved away")
}

// The second call finds the file empty, but that may not have been synced when the
// machine fails.
func TestInvalidate_FailsUntilSynced(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("permissions do not apply to this user")
	}
	d, path := newWrittenDisk(t)
	defer closeDisk(t, d)
	if err := os.Chmod(path, 0o300); err != nil { // so that it cannot be synced
		t.Fatal(err)
	}
	for range 2 {
		if d.Invalidate() == nil {
			t.Error("Invalidate succeeded without a sync")
		}
	}
	if err := errors.Join(os.Chmod(path, 0o700), d.Invalidate()); err != nil {
		t.Error(err)
	}
}

// The directory that replaced this one may have older lists.
func TestInvalidate_FailsIfDirectoryWasReplaced(t *testing.T) {
	path := newDir(t)
	d := openDisk(t, path)
	write(t, d, snapshotAt(5, map[string]*origins.List{"acme": newDatedList(5, 3)}))
	b, err := os.ReadFile(filepath.Join(path, disk.FileName))
	if err == nil {
		err = errors.Join(os.Rename(path, path+".old"), os.Mkdir(path, 0o700),
			os.WriteFile(filepath.Join(path, disk.FileName), b, 0o600), os.Chmod(path, 0o770)) // which Open refuses
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(snapshotAt(6, map[string]*origins.List{"acme": newDatedList(6, 2)})); err == nil {
		t.Fatal("Write succeeded")
	}
	if err := d.Invalidate(); err == nil {
		t.Error("Invalidate succeeded although the next start would use the lists")
	}
	closeDisk(t, d)
}

func TestInvalidate_FailsIfPathCannotBeChecked(t *testing.T) {
	path := newDir(t)
	d := openDisk(t, path)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, path); err != nil { // a link to itself
		t.Skip(err)
	}
	if err := d.Invalidate(); err == nil {
		t.Error("Invalidate succeeded")
	}
	closeDisk(t, d)
}
