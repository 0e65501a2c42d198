package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite"
)

func TestOpen_AcceptsAnyPath(t *testing.T) {
	names := []string{"a b.db", "a#b.db", "a%41b%.db", "a&b=c;d.db", "é 日本.db", "'\"$.db", "file:a.db", "a?mode=memory", "-", "+"}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.ContainsAny(name, `?:"`) {
				t.Skip("not a valid file name on Windows")
			}
			dir := filepath.Join(t.TempDir(), "a directory "+name)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			s := openStore(t, testOptions(filepath.Join(dir, name)))
			create(t, s, newIntegration("one", 1))
			want := []string{name, name + ".lock", name + "-shm", name + "-wal"}
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != len(want) {
				t.Errorf("the directory has the files %v, %v; want %q", files, err, want)
			}
			for _, name := range want {
				wantPrivate(t, filepath.Join(dir, name))
			}
		})
	}
}

func TestOpen_RefusesMissingStoreIfItMustExist(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(t *testing.T, path string)
		files  int // in the directory afterwards
		exists bool
	}{
		{"missing file", func(*testing.T, string) {}, 0, false},
		{"empty file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 1, false},
		{"empty database", func(t *testing.T, path string) {
			db := openDatabase(t, path)
			defer db.Close()
			if _, err := db.Exec("VACUUM"); err != nil {
				t.Fatal(err)
			}
		}, 2, false},
		{"existing store", func(t *testing.T, path string) { _ = openStore(t, testOptions(path)).Close() }, 4, true},
	} {
		dir := t.TempDir()
		o := testOptions(filepath.Join(dir, "lists.db"))
		row.before(t, o.Path)
		o.MustExist = true
		s, err := sqlite.Open(t.Context(), o)
		if exists := err == nil; exists != row.exists || !exists && (!errors.Is(err, store.ErrMissing) || !strings.Contains(err.Error(), o.Path)) {
			t.Errorf("%s: %v", row.name, err)
		}
		if files, _ := os.ReadDir(dir); len(files) != row.files {
			t.Errorf("%s: the directory has the files %v, want %d", row.name, files, row.files)
		}
		if s != nil {
			create(t, s, newIntegration("one", 1))
			_ = s.Close()
		}
	}
}

func wantPrivate(t *testing.T, file string) {
	t.Helper()
	stat, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if mode := stat.Mode(); runtime.GOOS != "windows" && mode != 0o600 {
		t.Errorf("%s has mode %v, want 0600", file, mode)
	}
}

func TestOpen_AcceptsRelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	create(t, openStore(t, testOptions("originwarden.db")), newIntegration("one", 1))
	if _, err := os.Stat(filepath.Join(dir, "originwarden.db")); err != nil {
		t.Error(err)
	}
}

func TestOpen_RefusesInvalidFiles(t *testing.T) {
	valid := contentAfter(t, func(path string) {
		s := openStore(t, testOptions(path))
		create(t, s, newIntegration("one", 1000))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"text", []byte("listen: 127.0.0.1:8080\n"), "it is not a SQLite database"},
		{"long text", bytes.Repeat([]byte("listen: 127.0.0.1:8080\n"), 1000), "it is not a SQLite database"},
		{"zeros", make([]byte, 8192), "it is not a SQLite database"},
		{"truncated database", valid[:len(valid)/2], "it is damaged"},
		{"database truncated to its first page", valid[:4096], "it is damaged"},
		{"database with a corrupt page", withCorruptPage(valid, 4096), "it is damaged"},
		{"tables of another application", databaseWith(t, "CREATE TABLE notes (text)"), "it is the database of another application"},
		{"application id of another application", databaseWith(t, "PRAGMA application_id = 7"), "it is the database of another application"},
		{"user version of another application", databaseWith(t, "PRAGMA user_version = 1"), "it is the database of another application"},
		{"newer schema", databaseWith(t, "PRAGMA application_id = 0x4f57646e; PRAGMA user_version = 99"),
			"its schema is version 99, written by a newer originwarden; this one knows " + newestSchema(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			wantOpenError(t, path, c.want)
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, c.content) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

// wantOpenError checks that Open fails with an error of one line that contains the
// path and the reason.
func wantOpenError(t *testing.T, path, why string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), testOptions(path))
	if err == nil {
		t.Fatal("Open returned no error", s.Close())
	}
	if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, why) || strings.Contains(text, "\n") {
		t.Errorf("error %q, want one line with %s and %q", text, path, why)
	}
}

// contentAfter returns the content of a file after use has written and closed it.
func contentAfter(t *testing.T, use func(path string)) (content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.db")
	use(path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// databaseWith returns the content of a new database after these statements.
func databaseWith(t *testing.T, statements string) []byte {
	return contentAfter(t, func(path string) {
		db := openDatabase(t, path)
		if _, err := db.Exec(statements); err != nil {
			t.Fatal(err)
		}
		db.Close()
	})
}

// withCorruptPage returns the content with 4096 bytes overwritten.
func withCorruptPage(content []byte, at int) []byte {
	content = bytes.Clone(content)
	copy(content[at:], bytes.Repeat([]byte{0xa5}, 4096))
	return content
}

// openDatabase opens the file without the store.
func openDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestOpen_RefusesInvalidPaths(t *testing.T) {
	dir := t.TempDir()
	wantOpenError(t, filepath.Join(dir, "missing", "file.db"), "the directory "+filepath.Join(dir, "missing")+" does not exist")
	wantOpenError(t, dir, "is a directory")
	for _, path := range []string{"", ":memory:"} {
		wantOpenError(t, path, "not the path of a file")
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "file.db")}); err == nil {
		t.Error("Open accepted limits of 0")
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("Open created the files %v", files)
	}
}

func TestOpen_RefusesFileInUseByThisProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	s := openStore(t, testOptions(path))
	wantInUse(t, path)
	if runtime.GOOS != "windows" {
		link := filepath.Join(t.TempDir(), "link.db")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		wantInUse(t, link)
	}
	create(t, s, newIntegration("one", 1))
}

func TestOpen_RefusesFileInUseByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	other := startProcess(t, "hold", path)
	other.line(t)
	wantInUse(t, path)
	other.end(t)
	openStore(t, testOptions(path))
}

func TestOpen_WaitsForFileToBeReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	other := startProcess(t, "hold", path)
	other.line(t)
	opened := make(chan error)
	go func() {
		s, err := sqlite.Open(t.Context(), testOptions(path))
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	other.end(t)
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func wantInUse(t *testing.T, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := sqlite.Open(ctx, testOptions(path)); err == nil || !strings.HasSuffix(err.Error(), ".db: it is in use by another process") {
		t.Errorf("error %v", err)
	}
}

func TestOpen_GivesUpAfterFiveSeconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	openStore(t, testOptions(path))
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		wantOpenError(t, path, "it is in use by another process")
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("Open waited %v, want 5s", waited)
		}
	})
}

func TestOpen_StopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "file.db")
	if _, err := sqlite.Open(ctx, testOptions(path)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	openStore(t, testOptions(path))
}

func TestOpen_ReleasesLockOnFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, path, "it is not a SQLite database")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	openStore(t, testOptions(path))
}

func create(t testing.TB, s store.Store, w store.WebIntegration) store.WebIntegration {
	t.Helper()
	w, err := s.Create(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// newestSchema returns the version of the newest schema.
func newestSchema(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(len(files))
}
