package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"originwarden/store"
)

// Reader is what a file had at one moment: its calls all see the same state,
// whatever is written meanwhile. It may be used concurrently.
//
// It takes no lock, so that it works beside a Store of another process, and
// neither makes the file, writes to it, nor brings its schema up to date. As
// long as it is open the log beside the file grows with every write.
type Reader struct {
	db   *sql.DB
	conn *sql.Conn // within a transaction from the first to the last call
}

// OpenReader opens the file as it is now. The error names the file and says
// what is wrong with it; it is fs.ErrNotExist if there is none. The directory
// has to be one where SQLite can make the files that it shares with others who
// have the file open.
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
	db, err := sql.Open("sqlite", readOnly(path))
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		err = beginReading(ctx, conn)
	}
	if err != nil {
		if conn != nil {
			conn.Close()
		}
		return nil, errors.Join(explain(err), db.Close())
	}
	return &Reader{db, conn}, nil
}

// locateExisting is locate for a file that has to be there.
func locateExisting(path string) (string, error) {
	path, err := locate(path)
	if err != nil {
		return "", err
	}
	switch found, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fs.ErrNotExist
	case err != nil:
		return "", err
	case !found.Mode().IsRegular():
		return "", errors.New("it is no file")
	}
	return path, nil
}

// readOnly is a connection to the file that could not write to it, and does not
// write its log back into it either.
func readOnly(path string) string {
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // C:/…
	}
	dsn := url.URL{Scheme: "file", Path: name, RawQuery: url.Values{
		"_pragma": {"query_only(1)", "busy_timeout(5000)", "trusted_schema(0)"},
		"mode":    {"ro"},
	}.Encode()}
	return dsn.String()
}

// beginReading begins the transaction at what the file has now, if that is ours.
func beginReading(ctx context.Context, conn *sql.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	version, err := inspect(ctx, conn)
	switch {
	case err != nil:
		return err
	case version == 0:
		return errors.New("it is empty: no originwarden has used it yet")
	case version < len(files):
		return fmt.Errorf("its schema is version %d, written by an older originwarden; the next start of serve brings it to version %d", version, len(files))
	case version > len(files):
		return fmt.Errorf("its schema is version %d, written by a newer originwarden; this one knows %d", version, len(files))
	}
	return nil
}

// Tenants is that of store.Store.
func (r *Reader) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	at, err := lastPosition(ctx, r.conn)
	if err != nil {
		return store.Position{}, nil, err
	}
	revisions, err := tenants(ctx, r.conn)
	if err != nil {
		return store.Position{}, nil, err
	}
	return at, revisions, nil
}

// Load is that of store.Store.
func (r *Reader) Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error) {
	at, err := lastPosition(ctx, r.conn)
	if err != nil {
		return 0, nil, err
	}
	all, err = integrations(ctx, r.conn, queryTenant, tenant)
	if err != nil {
		return 0, nil, err
	}
	return at.Revision, all, nil
}

// Close ends the use of the file. A second Close does nothing.
func (r *Reader) Close() error {
	err := r.conn.Close()
	if errors.Is(err, sql.ErrConnDone) {
		err = nil
	}
	return errors.Join(err, r.db.Close())
}
