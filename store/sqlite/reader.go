package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"originwarden/store"
	"originwarden/store/sqlite/sqlitefile"
)

// Reader reads a file as it was at one moment: all calls see the same state. It may
// be used concurrently.
//
// It takes no lock, so that it works while another process has the file open as a
// Store. It does not create, change or migrate the file. While it is open, every
// write makes the file's log grow.
type Reader struct {
	db   *sql.DB
	conn *sql.Conn // in one transaction until Close
}

// OpenReader opens the file as it is now. The error names the file and says what is
// wrong with it. It wraps fs.ErrNotExist if there is none. SQLite has to be able to
// create the files that it shares with other processes in the file's directory.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	r, err := openReader(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("reading the database %s: %w", path, err)
	}
	return r, nil
}

func openReader(ctx context.Context, path string) (*Reader, error) {
	path, err := locateExisting(path)
	if err != nil {
		return nil, err
	}
	// It does not write the log back into the file either.
	db, err := sqlitefile.Open(path, sqlitefile.ReadOnly, 1, "query_only(1)", "busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(explainError(err), db.Close())
	}
	r := &Reader{db, conn}
	if err := beginReading(ctx, conn); err != nil {
		return nil, errors.Join(explainError(err), r.Close())
	}
	return r, nil
}

// locateExisting is locateFile for a file that has to exist.
func locateExisting(path string) (string, error) {
	path, err := locateFile(path)
	if err != nil {
		return "", err
	}
	switch found, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fs.ErrNotExist
	case err != nil:
		return "", err
	case !found.Mode().IsRegular():
		return "", errors.New("it is not a regular file")
	}
	return path, nil
}

// beginReading begins the transaction, if the file has the current schema.
func beginReading(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	version, pending, err := schemaVersion(ctx, conn)
	switch {
	case err != nil:
		return err
	case version == 0:
		return errors.New("it is empty: no originwarden has used it yet")
	case len(pending) > 0:
		return fmt.Errorf("its schema is version %d, written by an older originwarden; the next start of serve brings it to version %d", version, version+len(pending))
	}
	return nil
}

// Tenants is like that of store.Store.
func (r *Reader) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	return readTenants(ctx, r.conn)
}

// Load is like that of store.Store.
func (r *Reader) Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error) {
	return loadTenant(ctx, r.conn, tenant)
}

// Close ends the use of the file. A second Close does nothing.
func (r *Reader) Close() error {
	err := r.conn.Close()
	if errors.Is(err, sql.ErrConnDone) {
		err = nil
	}
	return errors.Join(err, r.db.Close())
}
