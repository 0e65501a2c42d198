package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"originwarden/origins"
)

// read runs do in a transaction, which sees one state of the file.
func (s *Store) read(ctx context.Context, do func(*sql.Conn) error) error {
	return s.call(ctx, s.readers, func(conn *sql.Conn) error {
		err := transact(ctx, conn, "BEGIN", func() error { return do(conn) })
		if replaced := s.checkFiles(); replaced != nil {
			return replaced // a new connection may have read another file
		}
		return err
	})
}

// write runs do in a transaction that no other write overlaps, and appends the
// change that it returns to the feed before the next one begins.
func (s *Store) write(ctx context.Context, do func(*sql.Conn) (origins.Change, error)) error {
	return s.writeAll(ctx, func(conn *sql.Conn) ([]origins.Change, error) {
		change, err := do(conn)
		return []origins.Change{change}, err
	})
}

// writeAll is like write, for any number of changes.
func (s *Store) writeAll(ctx context.Context, do func(*sql.Conn) ([]origins.Change, error)) error {
	return s.writeError(s.call(ctx, s.writer, func(conn *sql.Conn) error {
		var changes []origins.Change
		err := s.transactWrite(ctx, conn, func() (err error) {
			changes, err = do(conn)
			return err
		})
		switch {
		case err == nil:
			s.feed.append(changes)
		case errors.Is(err, errCommit):
			s.feed.interrupt() // the file may have it nevertheless
		}
		return err
	}))
}

// transactWrite runs do in a transaction. It fails if the file was replaced by the
// time of the commit.
func (s *Store) transactWrite(ctx context.Context, conn *sql.Conn, do func() error) error {
	if err := s.commitExclusively(ctx, conn, do); err != nil {
		return err
	}
	if err := s.checkFiles(); err != nil {
		return fmt.Errorf("%w: %w", errCommit, err)
	}
	return nil
}

// commitExclusively runs do in a transaction. No call checks for writes of other
// programs during the commit.
func (s *Store) commitExclusively(ctx context.Context, conn *sql.Conn, do func() error) error {
	committing := false
	defer func() {
		if committing {
			s.detector.noteCommit()
			s.detector.committing.Unlock()
		}
	}()
	return transact(ctx, conn, "BEGIN IMMEDIATE", func() error {
		err := do()
		if err == nil {
			s.detector.committing.Lock()
			committing = true
		}
		return err
	})
}

// call runs do with a connection, if the files are those that were opened.
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

// transact runs do in a transaction. It commits if do returns nil, and rolls back
// if do returns an error or panics. It returns the error of do unchanged.
//
// A sql.Tx would roll back in the background when the context ends. transact is done
// with the connection when it returns.
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
	// The driver reports an interrupted commit as failed even if it succeeded. A
	// commit waits only for the disk.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return fmt.Errorf("%w: %w", errCommit, err)
	}
	committed = true
	return nil
}

// rollBack ends the transaction of conn, if there is one. After an error it makes
// database/sql discard the connection.
func rollBack(conn *sql.Conn) {
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
