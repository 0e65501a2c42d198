package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sync/errgroup"

	"originwarden/store"
	"originwarden/store/sqlite"
)

// overwrite puts another store's contents into the file, as cp does.
func overwrite(t *testing.T, path string) {
	t.Helper()
	content := written(t, func(path string) {
		s := open(t, ample(path))
		create(t, s, entry("other", 100))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStore_NoticesThatItsFileWasOverwritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it tells the time of a change when it likes")
	}
	checkpoint := func(mode string) func(*testing.T, *sqlite.Store, string) {
		return func(t *testing.T, s *sqlite.Store, path string) {
			shell(t, path, "PRAGMA wal_checkpoint("+mode+")")
			if _, err := s.Position(t.Context()); err != nil { // as a gateway does each second
				t.Fatal(err)
			}
		}
	}
	for _, row := range []struct {
		rule   string
		before func(t *testing.T, s *sqlite.Store, path string)
	}{
		{"at once", func(*testing.T, *sqlite.Store, string) {}},
		{"all is in the file", checkpoint("PASSIVE")},
		{"the log is empty", checkpoint("TRUNCATE")},
		{"a new log has begun", func(t *testing.T, s *sqlite.Store, path string) {
			checkpoint("PASSIVE")(t, s, path)
			create(t, s, entry("more", 1))
		}},
		{"after many writes", func(t *testing.T, s *sqlite.Store, _ string) { createMany(t, s, 300) }},
	} {
		t.Run(row.rule, func(t *testing.T) {
			s, path := openNew(t)
			was := create(t, s, entry("was", 1))
			row.before(t, s, path)
			overwrite(t, path)
			for range 2 {
				wantReplaced(t, s, was, "another program has written to")
			}
		})
	}
}

// createMany has the log be moved to the file several times.
func createMany(t *testing.T, s store.Store, n int) {
	t.Helper()
	for i := range n {
		create(t, s, entry(fmt.Sprint(i), 1000))
	}
}

// shell runs a statement as sqlite3 does beside the store.
func shell(t *testing.T, path, statement string) {
	t.Helper()
	db := raw(t, path)
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// Whoever goes by SQLite is no other program.
func TestStore_TakesWhatSQLiteWritesToItsFile(t *testing.T) {
	s, path := openNew(t)
	was := create(t, s, entry("was", 1000))
	writing, done := context.WithCancel(t.Context())
	var all errgroup.Group
	all.Go(func() error {
		defer done()
		for range 400 {
			if _, err := s.Create(t.Context(), entry("is", 1000)); err != nil {
				return err
			}
		}
		return nil
	})
	for range 2 {
		all.Go(func() error {
			for writing.Err() == nil {
				if _, err := s.Integration(t.Context(), was.TenantID, was.ID); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	for _, statement := range []string{
		"PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)", "UPDATE web_integrations SET name = name || ' again'",
		"PRAGMA wal_checkpoint(RESTART)", "VACUUM", "PRAGMA wal_checkpoint(FULL)", "PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		shell(t, path, statement)
		if _, err := s.Create(t.Context(), entry("is", 1)); err != nil {
			t.Errorf("after %s: %v", statement, err)
		}
	}
}

// Litestream begins the next log itself, after it has moved the one before.
func TestStore_TakesALogThatAnotherProcessBegins(t *testing.T) {
	for _, mode := range []string{"PASSIVE", "RESTART", "TRUNCATE"} {
		s, path := openNew(t)
		create(t, s, entry("was", 1000))
		for range 2 {
			shell(t, path, "PRAGMA wal_checkpoint("+mode+"); UPDATE web_integrations SET name = name || ' again'")
			if _, err := s.Create(t.Context(), entry("is", 1)); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
			shell(t, path, "PRAGMA wal_checkpoint("+mode+")")
			if err := s.CheckWrites(t.Context()); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
		for range 2 { // between two looks of the store
			shell(t, path, "UPDATE web_integrations SET name = name || ' again'; PRAGMA wal_checkpoint("+mode+")")
			if _, err := s.Position(t.Context()); err != nil { // which writes nothing itself
				t.Errorf("%s: %v", mode, err)
			}
		}
	}
}

// What a reader holds back is moved later.
func TestStore_TakesAFileToWhichTheLogIsMovedInParts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lists.db")
	s := open(t, ample(path))
	createMany(t, s, 100)
	r := read(t, path)
	createMany(t, s, 300)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	createMany(t, s, 100)
	if err := s.CheckWrites(t.Context()); err != nil {
		t.Error(err)
	}
}
