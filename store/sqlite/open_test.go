package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite"
)

func TestOpen_TakesAnyPath(t *testing.T) {
	names := []string{"a b.db", "a#b.db", "a%41b%.db", "a&b=c;d.db", "é 日本.db", "'\"$.db", "file:a.db", "a?mode=memory", "-", "+"}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.ContainsAny(name, `?:"`) {
				t.Skip("no name of a file there")
			}
			dir := filepath.Join(t.TempDir(), "a directory "+name)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			s := open(t, ample(filepath.Join(dir, name)))
			create(t, s, entry("one", 1))
			want := []string{name, name + ".lock", name + "-shm", name + "-wal"}
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != len(want) {
				t.Errorf("the directory has %v, %v; want %q", files, err, want)
			}
			for _, name := range want {
				wantPrivate(t, filepath.Join(dir, name))
			}
		})
	}
}

func TestOpen_MakesNoStoreThatMustExist(t *testing.T) {
	for _, row := range []struct {
		rule   string
		before func(t *testing.T, path string)
		files  int // then
		exists bool
	}{
		{"a missing file", func(*testing.T, string) {}, 0, false},
		{"an empty file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 1, false},
		{"a database of nothing", func(t *testing.T, path string) {
			db := raw(t, path)
			defer db.Close()
			if _, err := db.Exec("VACUUM"); err != nil {
				t.Fatal(err)
			}
		}, 2, false},
		{"a store", func(t *testing.T, path string) { _ = open(t, ample(path)).Close() }, 4, true},
	} {
		dir := t.TempDir()
		o := ample(filepath.Join(dir, "lists.db"))
		row.before(t, o.Path)
		o.MustExist = true
		s, err := sqlite.Open(t.Context(), o)
		if exists := err == nil; exists != row.exists || !exists && (!errors.Is(err, store.ErrMissing) || !strings.Contains(err.Error(), o.Path)) {
			t.Errorf("%s: %v", row.rule, err)
		}
		if files, _ := os.ReadDir(dir); len(files) != row.files {
			t.Errorf("%s: there are %v", row.rule, files)
		}
		if s != nil {
			create(t, s, entry("one", 1))
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
		t.Errorf("%s has mode %v", file, mode)
	}
}

func TestOpen_TakesARelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	create(t, open(t, ample("originwarden.db")), entry("one", 1))
	if _, err := os.Stat(filepath.Join(dir, "originwarden.db")); err != nil {
		t.Error(err)
	}
}

func TestOpen_RefusesWhatIsNoDatabaseOfItsOwn(t *testing.T) {
	ours := written(t, func(path string) {
		s := open(t, ample(path))
		create(t, s, entry("one", 1000))
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
		{"much text", bytes.Repeat([]byte("listen: 127.0.0.1:8080\n"), 1000), "it is not a SQLite database"},
		{"zeros", make([]byte, 8192), "it is not a SQLite database"},
		{"a database cut short", ours[:len(ours)/2], "it is damaged"},
		{"a database cut to its first page", ours[:4096], "it is damaged"},
		{"a database with a page overwritten", overwritten(ours, 4096), "it is damaged"},
		{"another application's tables", executed(t, "CREATE TABLE notes (text)"), "it is the database of another application"},
		{"another application's empty file", executed(t, "PRAGMA application_id = 7"), "it is the database of another application"},
		{"another application's version", executed(t, "PRAGMA user_version = 1"), "it is the database of another application"},
		{"a newer schema", executed(t, "PRAGMA application_id = 0x4f57646e; PRAGMA user_version = 99"),
			"its schema is version 99, written by a newer originwarden; this one knows 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			wantRefused(t, path, c.want)
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, c.content) {
				t.Errorf("the file was changed, %v", err)
			}
		})
	}
}

// wantRefused opens the path and wants an error of one line that names it and
// says why.
func wantRefused(t *testing.T, path, why string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), ample(path))
	if err == nil {
		t.Fatal("it was opened", s.Close())
	}
	if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, why) || strings.Contains(text, "\n") {
		t.Errorf("the error is %q, want one line that names %s and says %q", text, path, why)
	}
}

// written returns what a file has after use, which closes it.
func written(t *testing.T, use func(path string)) (content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.db")
	use(path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// executed returns the content of a database of other programs.
func executed(t *testing.T, statements string) []byte {
	return written(t, func(path string) {
		db := raw(t, path)
		if _, err := db.Exec(statements); err != nil {
			t.Fatal(err)
		}
		db.Close()
	})
}

func overwritten(content []byte, at int) []byte {
	content = bytes.Clone(content)
	copy(content[at:], bytes.Repeat([]byte{0xa5}, 4096))
	return content
}

// raw is a connection to the file without the store.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestOpen_RefusesPlacesWhereNoFileCanBe(t *testing.T) {
	dir := t.TempDir()
	wantRefused(t, filepath.Join(dir, "missing", "file.db"), "the directory "+filepath.Join(dir, "missing")+" does not exist")
	wantRefused(t, dir, "is a directory")
	for _, path := range []string{"", ":memory:"} {
		wantRefused(t, path, "not the path of a file")
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "file.db")}); err == nil {
		t.Error("limits of 0 were taken")
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("it left %v", files)
	}
}

func TestOpen_RefusesAFileInUseByThisProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	s := open(t, ample(path))
	wantInUse(t, path)
	if runtime.GOOS != "windows" {
		link := filepath.Join(t.TempDir(), "link.db")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		wantInUse(t, link)
	}
	create(t, s, entry("one", 1))
}

func TestOpen_RefusesAFileInUseByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	other := start(t, "hold", path)
	other.line(t)
	wantInUse(t, path)
	other.end(t)
	open(t, ample(path))
}

func TestOpen_WaitsForAFileToBeReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	other := start(t, "hold", path)
	other.line(t)
	opened := make(chan error)
	go func() {
		s, err := sqlite.Open(t.Context(), ample(path))
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
	if _, err := sqlite.Open(ctx, ample(path)); err == nil || !strings.HasSuffix(err.Error(), ".db: it is in use by another process") {
		t.Errorf("the error is %v", err)
	}
}

func TestOpen_GivesUpAfterFiveSeconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	open(t, ample(path))
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		wantRefused(t, path, "it is in use by another process")
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("it waited %v", waited)
		}
	})
}

func TestOpen_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "file.db")
	if _, err := sqlite.Open(ctx, ample(path)); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	open(t, ample(path))
}

func TestOpen_LeavesNothingLockedWhenItFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, "it is not a SQLite database")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	open(t, ample(path))
}

// create creates w.
func create(t testing.TB, s store.Store, w store.WebIntegration) store.WebIntegration {
	t.Helper()
	w, err := s.Create(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
