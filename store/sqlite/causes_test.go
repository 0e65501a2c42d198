package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	result "modernc.org/sqlite/lib"

	"originwarden/store"
	"originwarden/store/sqlite"
)

func TestStore_MapsSystemErrorsToCauses(t *testing.T) {
	for _, row := range []struct {
		err  error
		want store.Cause
	}{
		{syscall.ENOSPC, store.CauseNoSpace},
		{syscall.EDQUOT, store.CauseNoSpace},
		{syscall.EFBIG, store.CauseNoSpace},
		{syscall.EROFS, store.CauseReadOnly},
		{syscall.EACCES, store.CauseDenied},
		{syscall.EPERM, store.CauseDenied},
		{syscall.EIO, store.CauseDamaged},
		{syscall.EMFILE, store.CauseOther},
		{syscall.ENOMEM, store.CauseOther},
		{syscall.ENOENT, ""},
		{errors.New("another"), ""},
		{nil, ""},
	} {
		for _, err := range []error{row.err, &fs.PathError{Op: "write", Path: "lists.db", Err: row.err}} {
			if got := sqlite.CauseOfSystem(err); got != row.want {
				t.Errorf("cause of %v = %q, want %q", err, got, row.want)
			}
		}
	}
}

func TestStore_MapsSQLiteCodesToCauses(t *testing.T) {
	s, _ := openNewStore(t)
	for _, row := range []struct {
		code int
		want store.Cause
	}{
		{result.SQLITE_FULL, store.CauseNoSpace},
		{result.SQLITE_READONLY, store.CauseReadOnly},
		{result.SQLITE_READONLY_CANTLOCK, store.CauseReadOnly},
		{result.SQLITE_READONLY_DIRECTORY, store.CauseReadOnly},
		{result.SQLITE_READONLY_DBMOVED, store.CauseReplaced},
		{result.SQLITE_PERM, store.CauseDenied},
		{result.SQLITE_AUTH, store.CauseDenied},
		{result.SQLITE_BUSY, store.CauseUnreachable},
		{result.SQLITE_BUSY_SNAPSHOT, store.CauseUnreachable},
		{result.SQLITE_LOCKED, store.CauseUnreachable},
		{result.SQLITE_INTERRUPT, store.CauseUnreachable},
		{result.SQLITE_PROTOCOL, store.CauseUnreachable},
		{result.SQLITE_CORRUPT, store.CauseDamaged},
		{result.SQLITE_CORRUPT_INDEX, store.CauseDamaged},
		{result.SQLITE_NOTADB, store.CauseDamaged},
		{result.SQLITE_IOERR_READ, store.CauseDamaged}, // while the disk can be written to
		{result.SQLITE_IOERR_WRITE, store.CauseDamaged},
		{result.SQLITE_IOERR_FSYNC, store.CauseDamaged},
		{result.SQLITE_IOERR_NOMEM, store.CauseOther},
		{result.SQLITE_CANTOPEN, store.CauseDamaged},
		{result.SQLITE_CANTOPEN_ISDIR, store.CauseOther},
		{result.SQLITE_NOMEM, store.CauseOther},
		{result.SQLITE_CONSTRAINT, store.CauseOther},
	} {
		if got := s.CauseOfCode(row.code); got != row.want {
			t.Errorf("cause of code %d = %q, want %q", row.code, got, row.want)
		}
	}
}

// SQLite does not say which file cannot be written to.
func TestStore_ChecksTheDiskForAmbiguousCodes(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("permissions do not apply to this user")
	}
	dir := t.TempDir()
	s := openStore(t, testOptions(dir+"/lists.db"))
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	for _, code := range []int{result.SQLITE_IOERR_WRITE, result.SQLITE_CANTOPEN} {
		if got := s.CauseOfCode(code); got != store.CauseDenied {
			t.Errorf("cause of code %d = %q, want %q", code, got, store.CauseDenied)
		}
	}
}
