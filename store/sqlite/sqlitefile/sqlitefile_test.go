package sqlitefile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"originwarden/store/sqlite/sqlitefile"
)

func TestLock_IsHeldByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	first, err := sqlitefile.Lock(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	if _, err := sqlitefile.Lock(t.Context(), path, func() bool { asked++; return false }); !errors.Is(err, sqlitefile.ErrInUse) || asked != 1 {
		t.Errorf("while it is held: %v, asked %d times", err, asked)
	}
	wait := func() bool { first.Close(); return true }
	second, err := sqlitefile.Lock(t.Context(), path, wait)
	if err != nil {
		t.Fatalf("when it was released: %v", err)
	}
	defer second.Close()
	ended, cancel := context.WithCancel(t.Context())
	if _, err := sqlitefile.Lock(ended, path, func() bool { cancel(); return true }); !errors.Is(err, sqlitefile.ErrInUse) {
		t.Errorf("when the context ends: %v", err)
	}
	if _, err := sqlitefile.Lock(ended, path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("when the context has ended: %v", err)
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode()&0o077 != 0 && filepath.Separator == '/' {
		t.Errorf("the file: %v, %v", stat, err)
	}
}

func TestOpen_SetsEveryConnectionToThePragmasAndCreatesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?#.db")
	for _, mode := range []string{sqlitefile.ReadOnly, sqlitefile.ReadWrite} {
		db, err := sqlitefile.Open(path, mode, 1)
		if err != nil {
			t.Fatal(err)
		}
		if db.Ping() == nil {
			t.Errorf("%s: opened a file that is missing", mode)
		}
		db.Close()
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a file was created: %v", err)
	}
	os.WriteFile(path, nil, 0o600)
	db, err := sqlitefile.Open(path, sqlitefile.ReadWrite, 2, "busy_timeout(1234)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 2 {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var timeout, trusted int
		if err := errors.Join(conn.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&timeout),
			conn.QueryRowContext(t.Context(), "PRAGMA trusted_schema").Scan(&trusted)); err != nil || timeout != 1234 || trusted != 0 {
			t.Errorf("busy_timeout %d, trusted_schema %d, %v", timeout, trusted, err)
		}
	}
}
