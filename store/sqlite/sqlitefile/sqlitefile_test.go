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

func TestLock_IsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	first, err := sqlitefile.Lock(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	if _, err := sqlitefile.Lock(t.Context(), path, func() bool { calls++; return false }); !errors.Is(err, sqlitefile.ErrInUse) || calls != 1 {
		t.Errorf("Lock while it is held: error %v, %d calls of inUse; want ErrInUse, 1", err, calls)
	}
	wait := func() bool { first.Close(); return true }
	second, err := sqlitefile.Lock(t.Context(), path, wait)
	if err != nil {
		t.Fatalf("Lock after the release: %v", err)
	}
	defer second.Close()
	ended, cancel := context.WithCancel(t.Context())
	if _, err := sqlitefile.Lock(ended, path, func() bool { cancel(); return true }); !errors.Is(err, sqlitefile.ErrInUse) {
		t.Errorf("Lock while the context is canceled: error %v, want ErrInUse", err)
	}
	if _, err := sqlitefile.Lock(ended, path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Lock with a canceled context: error %v, want Canceled", err)
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode()&0o077 != 0 && filepath.Separator == '/' {
		t.Errorf("lock file: %v, %v; want no access for others", stat, err)
	}
}

func TestOpen_SetsPragmasAndCreatesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?#.db")
	for _, mode := range []string{sqlitefile.ReadOnly, sqlitefile.ReadWrite} {
		db, err := sqlitefile.Open(path, mode, 1)
		if err != nil {
			t.Fatal(err)
		}
		if db.Ping() == nil {
			t.Errorf("%s: Open opened a missing file", mode)
		}
		db.Close()
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Open created a file: %v", err)
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
			t.Errorf("busy_timeout %d, trusted_schema %d, %v; want 1234, 0", timeout, trusted, err)
		}
	}
}
