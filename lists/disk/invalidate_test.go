package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"originwarden/lists/disk"
	"originwarden/origins"
)

func TestRead_RemovesWhatWasInvalidated(t *testing.T) {
	d, path := kept(t)
	if err := d.Invalidate(); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
	d = open(t, path)
	wantRefused(t, d, "what was invalidated")
	if n, bytes := size(t, path); n > 3 || bytes != 0 { // the lock, the lists, their journal
		t.Errorf("there are %d bytes in %d files", bytes, n)
	}
	s := at(4, map[string]*origins.List{"acme": listing(4, 2)})
	write(t, d, s)
	wantSame(t, read(t, d), s)
}

// A directory that was moved away may come back.
func TestWrite_InvalidatesADirectoryThatIsNotInItsPlace(t *testing.T) {
	d, path := kept(t)
	s := at(4, read(t, d).Lists)
	aside := path + ".aside"
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	write(t, d, s)
	wantSame(t, read(t, d), s)
	wantRefused(t, open(t, aside), "what was moved away")
}

// The second call finds the file empty, which it may not be after the end
// of the machine.
func TestInvalidate_FailsUntilItIsLasting(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("nothing is forbidden to this user")
	}
	d, path := kept(t)
	defer shut(t, d)
	if err := os.Chmod(path, 0o300); err != nil { // so that it cannot be synced
		t.Fatal(err)
	}
	for range 2 {
		if d.Invalidate() == nil {
			t.Error("what is not on the disk is taken for lasting")
		}
	}
	if err := errors.Join(os.Chmod(path, 0o700), d.Invalidate()); err != nil {
		t.Error(err)
	}
}

// What is in the place of the directory may have lists from before.
func TestInvalidate_FailsWhereAnotherDirectoryIsInItsPlace(t *testing.T) {
	path := dir(t)
	d := open(t, path)
	write(t, d, at(5, map[string]*origins.List{"acme": listing(5, 3)}))
	b, err := os.ReadFile(filepath.Join(path, disk.FileName))
	if err == nil {
		err = errors.Join(os.Rename(path, path+".old"), os.Mkdir(path, 0o700),
			os.WriteFile(filepath.Join(path, disk.FileName), b, 0o600), os.Chmod(path, 0o770)) // which Open refuses
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(at(6, map[string]*origins.List{"acme": listing(6, 2)})); err == nil {
		t.Fatal("written")
	}
	if err := d.Invalidate(); err == nil {
		t.Error("it succeeds beside lists that a start would use")
	}
	shut(t, d)
}

func TestInvalidate_FailsWhereNobodyCanLookForListsInItsPlace(t *testing.T) {
	path := dir(t)
	d := open(t, path)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, path); err != nil { // a link to itself
		t.Skip(err)
	}
	if err := d.Invalidate(); err == nil {
		t.Error("it succeeds")
	}
	shut(t, d)
}
