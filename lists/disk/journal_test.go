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

// interrupted returns a directory as a process leaves it that was killed in a
// transaction: SQLite has changed the file, and its journal has what was there.
func interrupted(t *testing.T) (path string, before *lists.Snapshot) {
	t.Helper()
	from := dir(t)
	d := open(t, from)
	before = at(1, map[string]*origins.List{"acme": listing(1, 2000), "other": listing(1, 2000)})
	write(t, d, before)
	was := contentsOf(t, filepath.Join(from, disk.FileName))
	db := raw(t, from)
	defer db.Close()
	tx := begin(t, db, "PRAGMA cache_size = 2")
	if _, err := tx.Exec("UPDATE lists SET origins = replace(origins, 'app', 'new')"); err != nil {
		t.Fatal(err)
	}
	path = t.TempDir()
	for _, name := range []string{disk.FileName, disk.FileName + "-journal"} {
		put(t, filepath.Join(path, name), contentsOf(t, filepath.Join(from, name)))
	}
	if string(contentsOf(t, filepath.Join(path, disk.FileName))) == string(was) {
		t.Fatal("the file has not changed yet")
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	return path, before
}

func begin(t *testing.T, db *sql.DB, pragma string) *sql.Tx {
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

func TestRead_UndoesAnInterruptedWrite(t *testing.T) {
	path, before := interrupted(t)
	wantSame(t, read(t, open(t, path)), before)
}

// The journal would bring back what was invalidated.
func TestInvalidate_LeavesNothingThatAJournalRestores(t *testing.T) {
	path, _ := interrupted(t)
	d := open(t, path)
	if err := d.Invalidate(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wantRefused(t, d, "what was invalidated")
		if n := ask(t, path, "SELECT count(*) FROM sqlite_schema"); n != 0 { // SQLite agrees
			t.Errorf("SQLite has restored %d tables", n)
		}
	}
	after := at(2, map[string]*origins.List{"acme": listing(2, 3)})
	write(t, d, after)
	wantSame(t, read(t, d), after)
}

func TestWrite_IsNotUndoneByAJournalFromBefore(t *testing.T) {
	rows := []struct {
		rule string
		do   func(file string) error
	}{
		{"nothing was read", func(string) error { return nil }},
		{"the file has gone", os.Remove},
		{"the file is empty", func(file string) error { return os.Truncate(file, 0) }},
		{"the file is damaged", func(file string) error { return os.Truncate(file, 5000) }},
	}
	for _, row := range rows {
		path, _ := interrupted(t)
		if err := row.do(filepath.Join(path, disk.FileName)); err != nil {
			t.Fatal(err)
		}
		d := open(t, path)
		after := at(2, map[string]*origins.List{"acme": listing(2, 3)})
		write(t, d, after)
		t.Log(row.rule)
		wantSame(t, read(t, d), after)
	}
}

// invalidateUntilKilled writes and invalidates in turn, and prints what it has
// done.
func invalidateUntilKilled(path string) error {
	d, err := disk.Open(context.Background(), path)
	if err != nil {
		return err
	}
	fmt.Println("open", 0)
	all := map[string]*origins.List{}
	for revision := uint64(1); ; revision++ {
		all[tenantOf(revision)] = listing(revision, int(revision*131%500))
		if err := d.Write(at(revision, all)); err != nil {
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
		path := dir(t)
		writer := start(t, "invalidate", path)
		var last string
		for range 2 + round*2 {
			last = writer.line(t)
		}
		time.AfterFunc(time.Duration(round*700)*time.Microsecond, func() { _ = writer.Process.Kill() })
		for writer.stdout.Scan() { // what it printed before the kill reached it
			last = writer.stdout.Text()
		}
		_ = writer.Wait()
		wantNoneBefore(t, path, last)
	}
}

// wantNoneBefore reads the directory of a process that has printed last before
// it was killed.
func wantNoneBefore(t *testing.T, path, last string) {
	t.Helper()
	d := open(t, path)
	defer shut(t, d)
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
		t.Errorf("after %q it is at %d", last, s.At.Revision)
	}
}
