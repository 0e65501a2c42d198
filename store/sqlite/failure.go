package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	driver "modernc.org/sqlite"
	result "modernc.org/sqlite/lib"

	"originwarden/store"
)

// CheckWrites implements store.Store. It rewrites the first page unchanged.
func (s *Store) CheckWrites(ctx context.Context) error {
	err := s.writeError(s.call(ctx, s.writer, func(conn *sql.Conn) error {
		return s.transactWrite(ctx, conn, func() error { return rewriteVersion(ctx, conn) })
	}))
	if err == nil {
		err = s.checkSpace()
	}
	return err
}

// checkSpace checks for free space outside the log, which may have room for one more
// page while the disk is full.
func (s *Store) checkSpace() error {
	err := tryWriting(s.path) // there may be a quota
	if diskTrouble(s.path) == store.CauseNoSpace {
		err = errDiskFull
	} else if systemCause(err) != store.CauseNoSpace {
		return nil
	}
	return &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: err}
}

var errDiskFull = errors.New("sqlite: the file system is full")

func rewriteVersion(ctx context.Context, conn *sql.Conn) error {
	var version int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("sqlite: reading the version: %w", err)
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprint("PRAGMA user_version = ", version)); err != nil {
		return fmt.Errorf("sqlite: writing the version: %w", err)
	}
	return nil
}

// writeError returns a *store.WriteError if a write failed because of the file, and
// any other error unchanged.
func (s *Store) writeError(err error) error {
	cause, known := s.writeCause(err)
	if !known {
		return err
	}
	return &store.WriteError{Cause: cause, NotMade: !errors.Is(err, errCommit) || isRolledBack(err), Err: err}
}

func (s *Store) writeCause(err error) (cause store.Cause, known bool) {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return s.codeCause(e.Code()), true
	}
	if cause = systemCause(err); cause != "" {
		return cause, true
	}
	_, isPath := errors.AsType[*fs.PathError](err)
	cause = store.CauseOf(err)
	return cause, isPath || cause != store.CauseOther
}

// codeCause returns the cause for one of SQLite's result codes.
func (s *Store) codeCause(code int) store.Cause {
	switch code {
	case result.SQLITE_READONLY_DBMOVED:
		return store.CauseReplaced
	case result.SQLITE_IOERR_NOMEM, result.SQLITE_CANTOPEN_ISDIR:
		return store.CauseOther
	}
	switch code & 0xff { // without the extension
	case result.SQLITE_FULL:
		return store.CauseNoSpace
	case result.SQLITE_READONLY:
		return store.CauseReadOnly
	case result.SQLITE_PERM, result.SQLITE_AUTH:
		return store.CauseDenied
	case result.SQLITE_BUSY, result.SQLITE_LOCKED, result.SQLITE_INTERRUPT, result.SQLITE_PROTOCOL:
		return store.CauseUnreachable
	case result.SQLITE_CORRUPT, result.SQLITE_NOTADB:
		return store.CauseDamaged
	case result.SQLITE_IOERR, result.SQLITE_CANTOPEN:
		// The code does not include the system's error, so another write is tried.
		return cmp.Or(diskTrouble(s.path), systemCause(tryWriting(s.path)), store.CauseDamaged)
	}
	return store.CauseOther
}

// systemCause returns the cause for an error of the operating system, or "" for
// another error.
func systemCause(err error) store.Cause {
	isOneOf := func(errnos ...syscall.Errno) bool {
		return slices.ContainsFunc(errnos, func(errno syscall.Errno) bool { return errors.Is(err, errno) })
	}
	switch {
	case isOneOf(syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG):
		return store.CauseNoSpace
	case isOneOf(syscall.EROFS):
		return store.CauseReadOnly
	case errors.Is(err, fs.ErrPermission):
		return store.CauseDenied
	case isOneOf(syscall.EIO):
		return store.CauseDamaged
	case isOneOf(syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM):
		return store.CauseOther
	}
	return ""
}

// tryWriting writes a temporary file next to the database.
func tryWriting(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-try-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	if err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("sqlite: writing a file next to the database: %w", err)
	}
	return nil
}

// isRolledBack reports whether a failed commit is known to have changed nothing. If
// SQLite runs out of space, it has not written the last part of the transaction, and
// the other parts have no effect without it. But a commit that could not be synced to
// the disk may be there after a crash.
func isRolledBack(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case result.SQLITE_FULL, result.SQLITE_BUSY, result.SQLITE_CONSTRAINT, result.SQLITE_READONLY:
		return true
	}
	return false
}
