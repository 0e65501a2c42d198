package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	driver "modernc.org/sqlite"
	result "modernc.org/sqlite/lib"

	"originwarden/store"
)

// CheckWrites implements store.Store. It writes the first page as it is.
func (s *Store) CheckWrites(ctx context.Context) error {
	err := s.failure(s.call(ctx, s.writer, func(conn *sql.Conn) error {
		return s.transactWrite(ctx, conn, func() error { return rewriteVersion(ctx, conn) })
	}))
	// The log may have space from before for one page, and none for more.
	if err == nil && diskTrouble(s.path) == store.CauseNoSpace {
		err = &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errDiskFull}
	}
	return err
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

// failure returns a *store.WriteError for a write that failed because of the
// file, and other errors as they are.
func (s *Store) failure(err error) error {
	cause, known := s.causeOf(err)
	if !known {
		return err
	}
	return &store.WriteError{Cause: cause, NotMade: !errors.Is(err, errCommit) || isUndone(err), Err: err}
}

func (s *Store) causeOf(err error) (cause store.Cause, known bool) {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return s.causeOfCode(e.Code()), true
	}
	_, isPath := errors.AsType[*fs.PathError](err)
	cause = store.CauseOf(err)
	return cause, isPath || cause != store.CauseOther
}

// causeOfCode is about SQLite's result codes.
func (s *Store) causeOfCode(code int) store.Cause {
	switch code & 0xff { // without the extension
	case result.SQLITE_FULL:
		return store.CauseNoSpace
	case result.SQLITE_READONLY:
		return store.CauseReadOnly
	case result.SQLITE_PERM, result.SQLITE_AUTH:
		return store.CauseDenied
	case result.SQLITE_BUSY, result.SQLITE_LOCKED, result.SQLITE_INTERRUPT:
		return store.CauseUnreachable
	case result.SQLITE_CORRUPT, result.SQLITE_NOTADB:
		return store.CauseDamaged
	case result.SQLITE_IOERR, result.SQLITE_CANTOPEN:
		// The code does not tell what the system said.
		return cmp.Or(diskTrouble(s.path), store.CauseDamaged)
	}
	return store.CauseOther
}

// isUndone reports whether a commit that failed is known not to have happened.
// SQLite runs out of space before the last part of a transaction is written,
// without which the parts before are nothing. A commit that is not brought to
// the disk, in contrast, may be there after a crash.
func isUndone(err error) bool {
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
