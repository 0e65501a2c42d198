package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"originwarden/origins"
)

// read runs do in a transaction that sees one state of the file throughout.
func (s *Store) read(ctx context.Context, do func(*sql.Conn) error) error {
	return s.call(ctx, s.readers, func(conn *sql.Conn) error {
		err := transact(ctx, conn, "BEGIN", func() error { return do(conn) })
		if moved := s.checkFiles(); moved != nil {
			return moved // a new connection may have read another file
		}
		return err
	})
}

// write runs do in a transaction that no other write overlaps, and feeds the
// change that it returns before the next one begins.
func (s *Store) write(ctx context.Context, do func(*sql.Conn) (origins.Change, error)) error {
	return s.writeAll(ctx, func(conn *sql.Conn) ([]origins.Change, error) {
		change, err := do(conn)
		return []origins.Change{change}, err
	})
}

// writeAll is write for several changes, or none.
func (s *Store) writeAll(ctx context.Context, do func(*sql.Conn) ([]origins.Change, error)) error {
	return s.failure(s.call(ctx, s.writer, func(conn *sql.Conn) error {
		var changes []origins.Change
		err := s.transactWrite(ctx, conn, func() (err error) {
			changes, err = do(conn)
			return err
		})
		switch {
		case err == nil:
			s.feed.append(changes)
		case errors.Is(err, errCommit):
			s.feed.interrupt() // it may be in the file all the same
		}
		return err
	}))
}

// transactWrite runs do in a transaction, which fails if the file that it was
// written to is not in its place after the commit.
func (s *Store) transactWrite(ctx context.Context, conn *sql.Conn, do func() error) error {
	if err := s.transactAlone(ctx, conn, do); err != nil {
		return err
	}
	if err := s.checkFiles(); err != nil {
		return fmt.Errorf("%w: %w", errCommit, err)
	}
	return nil
}

// transactAlone lets nobody look at the contents of the file during the commit.
func (s *Store) transactAlone(ctx context.Context, conn *sql.Conn, do func() error) error {
	commits := false
	defer func() {
		if commits {
			s.contents.noteCommit()
			s.contents.committing.Unlock()
		}
	}()
	return transact(ctx, conn, "BEGIN IMMEDIATE", func() error {
		err := do()
		if err == nil {
			s.contents.committing.Lock()
			commits = true
		}
		return err
	})
}

func (s *Store) call(ctx context.Context, db *sql.DB, do func(*sql.Conn) error) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	if err := s.checkFiles(); err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("sqlite: connecting: %w", err)
	}
	defer conn.Close()
	return do(conn)
}

var errCommit = errors.New("sqlite: committing")

// transact runs do in a transaction, which is committed if do returns nil and
// otherwise, also when do panics, undone. What do returns is returned as it is.
//
// It is not a sql.Tx, which rolls back behind the caller's back when the
// context ends: here the connection is at rest when the call returns.
func transact(ctx context.Context, conn *sql.Conn, begin string, do func() error) error {
	committed := false
	defer func() {
		if !committed {
			rollBack(conn)
		}
	}()
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return fmt.Errorf("sqlite: beginning a transaction: %w", err)
	}
	if err := do(); err != nil {
		return err
	}
	// The driver calls an interrupted commit failed even when it succeeded. It
	// waits for nothing but the disk, which no context can hurry.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return fmt.Errorf("%w: %w", errCommit, err)
	}
	committed = true
	return nil
}

// rollBack ends the transaction of conn, if there is one. A connection that
// cannot tell is not used again.
func rollBack(conn *sql.Conn) {
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
