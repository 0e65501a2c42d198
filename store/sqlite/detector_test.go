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

// replaceContent writes the content of another store into the file, as cp does.
func replaceContent(t *testing.T, path string) {
	t.Helper()
	content := contentAfter(t, func(path string) {
		s := openStore(t, testOptions(path))
		create(t, s, newIntegration("other", 100))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStore_DetectsOverwrittenFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows may update the modification time late")
	}
	checkpoint := func(mode string) func(*testing.T, *sqlite.Store, string) {
		return func(t *testing.T, s *sqlite.Store, path string) {
			execute(t, path, "PRAGMA wal_checkpoint("+mode+")")
			if _, err := s.Position(t.Context()); err != nil { // as a gateway does every second
				t.Fatal(err)
			}
		}
	}
	for _, row := range []struct {
		name   string
		before func(t *testing.T, s *sqlite.Store, path string)
	}{
		{"immediately", func(*testing.T, *sqlite.Store, string) {}},
		{"after a checkpoint", checkpoint("PASSIVE")},
		{"with an empty log", checkpoint("TRUNCATE")},
		{"with a new log", func(t *testing.T, s *sqlite.Store, path string) {
			checkpoint("PASSIVE")(t, s, path)
			create(t, s, newIntegration("more", 1))
		}},
		{"after many writes", func(t *testing.T, s *sqlite.Store, _ string) { createLarge(t, s, 300) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, path := openNewStore(t)
			original := create(t, s, newIntegration("was", 1))
			row.before(t, s, path)
			replaceContent(t, path)
			for range 2 {
				wantReplaced(t, s, original, "another program has written to")
			}
		})
	}
}

// createLarge creates so much that SQLite makes several checkpoints.
func createLarge(t *testing.T, s store.Store, n int) {
	t.Helper()
	for i := range n {
		create(t, s, newIntegration(fmt.Sprint(i), 1000))
	}
}

// execute runs a statement in another connection, as the sqlite3 command does.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	db := openDatabase(t, path)
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// Writes made through SQLite must not be mistaken for an overwritten file.
func TestStore_AcceptsWritesThroughSQLite(t *testing.T) {
	s, path := openNewStore(t)
	original := create(t, s, newIntegration("was", 1000))
	writing, done := context.WithCancel(t.Context())
	var all errgroup.Group
	all.Go(func() error {
		defer done()
		for range 400 {
			if _, err := s.Create(t.Context(), newIntegration("is", 1000)); err != nil {
				return err
			}
		}
		return nil
	})
	for range 2 {
		all.Go(func() error {
			for writing.Err() == nil {
				if _, err := s.Integration(t.Context(), original.TenantID, original.ID); err != nil {
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
		execute(t, path, statement)
		if _, err := s.Create(t.Context(), newIntegration("is", 1)); err != nil {
			t.Errorf("after %s: %v", statement, err)
		}
	}
}

// Litestream makes checkpoints and starts the next log itself.
func TestStore_AcceptsLogStartedByAnotherProcess(t *testing.T) {
	for _, mode := range []string{"PASSIVE", "RESTART", "TRUNCATE"} {
		s, path := openNewStore(t)
		create(t, s, newIntegration("was", 1000))
		for range 2 {
			execute(t, path, "PRAGMA wal_checkpoint("+mode+"); UPDATE web_integrations SET name = name || ' again'")
			if _, err := s.Create(t.Context(), newIntegration("is", 1)); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
			execute(t, path, "PRAGMA wal_checkpoint("+mode+")")
			if err := s.CheckWrites(t.Context()); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
		for range 2 { // between two checks by the store
			execute(t, path, "UPDATE web_integrations SET name = name || ' again'; PRAGMA wal_checkpoint("+mode+")")
			if _, err := s.Position(t.Context()); err != nil { // a call that writes nothing
				t.Errorf("%s: %v", mode, err)
			}
		}
	}
}

// A checkpoint leaves the part of the log that a reader needs for a later one.
func TestStore_AcceptsPartialCheckpoints(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lists.db")
	s := openStore(t, testOptions(path))
	createLarge(t, s, 100)
	r := openReader(t, path)
	createLarge(t, s, 300)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	createLarge(t, s, 100)
	if err := s.CheckWrites(t.Context()); err != nil {
		t.Error(err)
	}
}
