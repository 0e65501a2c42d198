// Package sqlitefile opens SQLite files and locks them against other processes.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// ErrInUse is returned by Lock if another process holds the lock.
var ErrInUse = errors.New("it is in use by another process")

const (
	lockTimeout  = 5 * time.Second
	lockInterval = 20 * time.Millisecond
)

// NewLock returns the lock of the file at path, which is created with mode 0600.
// It is not taken yet. The kernel releases it with the process.
func NewLock(path string) *flock.Flock { return flock.New(path, flock.SetPermissions(0o600)) }

// Lock takes the lock of the file at path. If another process holds it and inUse
// is nil or returns true, Lock waits up to 5 s, and no longer than ctx.
func Lock(ctx context.Context, path string, inUse func() bool) (*flock.Flock, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	lock := NewLock(path)
	taken, err := lock.TryLock()
	if err == nil && !taken {
		if inUse != nil && !inUse() {
			return nil, ErrInUse
		}
		_, err = lock.TryLockContext(ctx, lockInterval)
	}
	switch {
	case err == nil:
		return lock, nil
	case errors.Is(err, ctx.Err()):
		return nil, ErrInUse
	}
	return nil, fmt.Errorf("locking it: %w", err)
}

// The modes of Open. Neither creates a file.
const (
	ReadOnly  = "ro"
	ReadWrite = "rw"
)

// Open returns a pool of connections to the file, which has to exist. Every
// connection is set to the pragmas: SQLite forgets them with the connection, and
// database/sql replaces connections as it sees fit.
func Open(path, mode string, connections int, pragmas ...string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if path = filepath.ToSlash(path); !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"mode":    {mode},
		"_pragma": append(pragmas, "trusted_schema(0)"),
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}
