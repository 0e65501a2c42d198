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

// CheckWrites implements store.Store. It writes the first page as it is.
func (s *Store) CheckWrites(ctx context.Context) error {
	err := s.failure(s.call(ctx, s.writer, func(conn *sql.Conn) error {
		return s.transactWrite(ctx, conn, func() error { return rewriteVersion(ctx, conn) })
	}))
	if err == nil {
		err = s.checkSpace()
	}
	return err
}

// checkSpace looks for space beside the log, which may have some from before for
// one page, and none for more.
func (s *Store) checkSpace() error {
	err := tryToWrite(s.path) // a quota may be reached
	if diskTrouble(s.path) == store.CauseNoSpace {
		err = errDiskFull
	} else if causeOfSystem(err) != store.CauseNoSpace {
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
	if cause = causeOfSystem(err); cause != "" {
		return cause, true
	}
	_, isPath := errors.AsType[*fs.PathError](err)
	cause = store.CauseOf(err)
	return cause, isPath || cause != store.CauseOther
}

// causeOfCode is about SQLite's result codes.
func (s *Store) causeOfCode(code int) store.Cause {
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
		// The code does not tell what the system said, so it is asked again.
		return cmp.Or(diskTrouble(s.path), causeOfSystem(tryToWrite(s.path)), store.CauseDamaged)
	}
	return store.CauseOther
}

// causeOfSystem is about what the system says of a file, or "" if err is
// nothing of that.
func causeOfSystem(err error) store.Cause {
	is := func(any ...syscall.Errno) bool {
		return slices.ContainsFunc(any, func(errno syscall.Errno) bool { return errors.Is(err, errno) })
	}
	switch {
	case is(syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG):
		return store.CauseNoSpace
	case is(syscall.EROFS):
		return store.CauseReadOnly
	case errors.Is(err, fs.ErrPermission):
		return store.CauseDenied
	case is(syscall.EIO):
		return store.CauseDamaged
	case is(syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM):
		return store.CauseOther
	}
	return ""
}

// tryToWrite says why a new file beside the database could not be written.
func tryToWrite(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-try-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	if err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("sqlite: writing a file beside the database: %w", err)
	}
	return nil
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
