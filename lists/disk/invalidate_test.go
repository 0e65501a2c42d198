package disk_test

import (
	"errors"
	"os"
	"testing"

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
