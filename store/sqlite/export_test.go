package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/sqlite/inventory"
	"originwarden/store/sqlite/records"
)

// Encode exports encode.
var Encode = encodeEntries

// ReadQueries returns the statements of reads by name.
func ReadQueries() map[string]string {
	queries := map[string]string{
		"integration": queryIntegration,
		"tenant":      queryTenant,
		"position":    queryPosition,
		"refusals":    inventory.QueryTenant,
		"cursor":      queryCursor,
		"many":        queryMany,
	}
	for _, descending := range []bool{false, true} {
		queries[fmt.Sprintf("beyond, descending %t", descending)] = queryBeyond(descending)
		for _, cursor := range []bool{false, true} {
			queries[fmt.Sprintf("page, descending %t, cursor %t", descending, cursor)] = queryPage(descending, cursor)
		}
	}
	maps.Copy(queries, records.Queries())
	return queries
}

// SetMaxPages limits the size of the file, as a full disk does. SQLite ignores a limit
// below the current size.
func (s *Store) SetMaxPages(ctx context.Context, pages int) error {
	_, err := s.writer.ExecContext(ctx, fmt.Sprint("PRAGMA max_page_count = ", pages))
	return err
}

// SetPragma sets a pragma of the writing connection.
func (s *Store) SetPragma(ctx context.Context, assignment string) error {
	_, err := s.writer.ExecContext(ctx, "PRAGMA "+assignment)
	return err
}

// Pragma returns a pragma of the writing connection and of a new reading connection.
func (s *Store) Pragma(ctx context.Context, name string) (writer, reader string, err error) {
	s.readers.SetMaxIdleConns(0) // no idle connection is used
	err = errors.Join(
		s.writer.QueryRowContext(ctx, "PRAGMA "+name).Scan(&writer),
		s.readers.QueryRowContext(ctx, "PRAGMA "+name).Scan(&reader),
	)
	return writer, reader, err
}

// FailCommit makes a write that fails in its commit.
func (s *Store) FailCommit(ctx context.Context) error {
	return s.write(ctx, func(conn *sql.Conn) (c origins.Change, err error) {
		_, err = conn.ExecContext(ctx, `PRAGMA defer_foreign_keys = 1;
			INSERT INTO web_integrations VALUES ('id', 'nobody', 'name', '', 0, 0, 99, '[]')`)
		return c, err
	})
}

// CauseOfCode returns the cause of a write that fails with a result code of SQLite.
func (s *Store) CauseOfCode(code int) store.Cause { return s.codeCause(code) }

// CauseOfSystem returns the cause of a system error, or "".
func CauseOfSystem(err error) store.Cause { return systemCause(err) }
