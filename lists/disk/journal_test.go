package disk_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/origins"
)

// newInterruptedDir returns a directory as left by a process that was killed in a
// transaction: SQLite has changed the file, and the journal has the old pages.
func newInterruptedDir(t *testing.T) (path string, before *lists.Snapshot) {
	t.Helper()
	from := newDir(t)
	d := openDisk(t, from)
	before = snapshotAt(1, map[string]*origins.List{"acme": newDatedList(1, 2000), "other": newDatedList(1, 2000)})
	write(t, d, before)
	was := readFile(t, filepath.Join(from, disk.FileName))
	db := openSQLite(t, from)
	defer db.Close()
	tx := beginTx(t, db, "PRAGMA cache_size = 2")
	if _, err := tx.Exec("UPDATE lists SET origins = replace(origins, 'app', 'new')"); err != nil {
		t.Fatal(err)
	}
	path = t.TempDir()
	for _, name := range []string{disk.FileName, disk.FileName + "-journal"} {
		writeFile(t, filepath.Join(path, name), readFile(t, filepath.Join(from, name)))
	}
	if string(readFile(t, filepath.Join(path, disk.FileName))) == string(was) {
		t.Fatal("the file has not changed yet")
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	return path, before
}

func beginTx(t *testing.T, db *sql.DB, pragma string) *sql.Tx {
	t.Helper()
	if _, err := db.Exec(pragma); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestRead_RollsBackInterruptedWrite(t *testing.T) {
	path, before := newInterruptedDir(t)
	wantSame(t, read(t, openDisk(t, path)), before)
}

// The journal would restore the invalidated snapshot.
func TestInvalidate_RemovesJournal(t *testing.T) {
	path, _ := newInterruptedDir(t)
	d := openDisk(t, path)
	if err := d.Invalidate(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantRefused(t, d, "an invalidated snapshot")
		if n := queryInt(t, path, "SELECT count(*) FROM sqlite_schema"); n != 0 { // SQLite must not restore it either
			t.Errorf("SQLite has restored %d tables", n)
		}
	}
	after := snapshotAt(2, map[string]*origins.List{"acme": newDatedList(2, 3)})
	write(t, d, after)
	wantSame(t, read(t, d), after)
}

func TestWrite_IsNotUndoneByOldJournal(t *testing.T) {
	rows := []struct {
		rule string
		do   func(file string) error
	}{
		{"not read before", func(string) error { return nil }},
		{"file removed", os.Remove},
		{"file empty", func(file string) error { return os.Truncate(file, 0) }},
		{"file damaged", func(file string) error { return os.Truncate(file, 5000) }},
	}
	for _, row := range rows {
		path, _ := newInterruptedDir(t)
		if err := row.do(filepath.Join(path, disk.FileName)); err != nil {
			t.Fatal(err)
		}
		d := openDisk(t, path)
		after := snapshotAt(2, map[string]*origins.List{"acme": newDatedList(2, 3)})
		write(t, d, after)
		t.Log(row.rule)
		wantSame(t, read(t, d), after)
	}
}

// invalidateUntilKilled writes and invalidates in turn and prints each step after
// it is done.
func invalidateUntilKilled(path string) error {
	d, err := disk.Open(context.Background(), path)
	if err != nil {
		return err
	}
	fmt.Println("open", 0)
	all := map[string]*origins.List{}
	for revision := uint64(1); ; revision++ {
		all[tenantOf(revision)] = newDatedList(revision, int(revision*131%500))
		if err := d.Write(snapshotAt(revision, all)); err != nil {
			return err
		}
		fmt.Println("written", revision)
		if revision%3 > 0 {
			continue
		}
		if err := d.Invalidate(); err != nil {
			return err
		}
		fmt.Println("invalidated", revision)
	}
}

func TestInvalidate_IsNotUndoneWhenKilled(t *testing.T) {
	for round := range 12 {
		path := newDir(t)
		writer := startProcess(t, "invalidate", path)
		var last string
		for range 2 + round*2 {
			last = writer.readLine(t)
		}
		time.AfterFunc(time.Duration(round*700)*time.Microsecond, func() { _ = writer.Process.Kill() })
		for writer.stdout.Scan() { // what it printed before it was killed
			last = writer.stdout.Text()
		}
		_ = writer.Wait()
		wantNothingOlder(t, path, last)
	}
}

// wantNothingOlder checks that the directory has nothing older than the step that
// its process printed last before it was killed.
func wantNothingOlder(t *testing.T, path, last string) {
	t.Helper()
	d := openDisk(t, path)
	defer closeDisk(t, d)
	did, number, _ := strings.Cut(last, " ")
	acknowledged, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Read()
	switch {
	case err != nil && did == "written" && acknowledged%3 > 0:
		t.Errorf("after %q: %v", last, err)
	case errors.Is(err, disk.ErrNone) && did != "open":
		t.Errorf("after %q: %v", last, err)
	case err != nil:
		return
	case did == "invalidated" && s.At.Revision <= acknowledged, s.At.Revision < acknowledged, s.At.Revision > acknowledged+1:
		t.Errorf("after %q: snapshot at revision %d", last, s.At.Revision)
	}
}
