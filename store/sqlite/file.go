package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"originwarden/store"
	"originwarden/store/sqlite/sqlitefile"
)

// locateFile returns the absolute path of the file without symbolic links, so that
// every name of the file leads to the same lock. SQLite follows links too.
func locateFile(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the directory %s does not exist", filepath.Dir(path))
	}
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, filepath.Base(path))
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return filepath.EvalSymlinks(path)
}

// createFile creates an empty file if it is missing, because the mode of one that
// SQLite creates depends on the umask. The caller holds the lock: closing a file
// releases the POSIX locks that SQLite has on it in this process.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err // the caller names the file
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// requireFile fails if the file is missing or empty.
func requireFile(path string) error {
	switch found, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: the file does not exist", store.ErrMissing)
	case err != nil:
		return err
	case found.Size() == 0:
		return errEmpty
	}
	return nil
}

var errEmpty = fmt.Errorf("%w: the file is empty", store.ErrMissing)

// openPool returns a pool of connections to the file that sync what they write.
func openPool(path string, connections int, pragmas ...string) (*sql.DB, error) {
	return sqlitefile.Open(path, sqlitefile.ReadWrite, connections, append(pragmas,
		"busy_timeout(5000)", // for a shell that writes; bounded by the call's context too
		"foreign_keys(1)",
		"fullfsync(1)", // macOS: fsync leaves the drive's cache
		"checkpoint_fullfsync(1)",
	)...)
}
