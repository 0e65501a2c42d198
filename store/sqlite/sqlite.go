package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"originwarden/store"
	"originwarden/store/sqlite/sqlitefile"
)

// Options are the options of Open.
type Options struct {
	// Path is that of the database file. If the file is missing, it is created with
	// mode 0600. Its directory must exist.
	Path string
	// MustExist makes Open fail with store.ErrMissing if the file is missing or
	// empty, instead of making a new store.
	MustExist bool
	// Limits apply to every tenant. Both must be positive.
	Limits store.Limits
	// History is what is kept of the history; the zero value keeps none.
	History store.Retention
	// InUse, if it is not nil, is called when another process has the file open.
	// It returns whether to wait for that process.
	InUse func() bool
}

// ErrInUse is wrapped by the error of Open if another process has the file open.
var ErrInUse = sqlitefile.ErrInUse

// Store is a store.Store in a SQLite file. It may be used concurrently. Reads do not
// wait for writes, but writes wait for each other.
//
// A write that fails on a full disk does not change the file, and later ones succeed
// once there is space. Every call fails with store.ErrReplaced while one of the files
// is not the one that was opened, or after another program has written to the
// database. If the lock's file is missing, the Store takes the lock again, unless
// another process has it.
type Store struct {
	limits  store.Limits
	history store.Retention
	path    string
	lock    *fileLock
	writer  *sql.DB // one connection, so that revisions are in commit order
	readers *sql.DB

	// held is a connection that no call uses. While it is open, SQLite removes no
	// file, and no new file has the inode of a removed one.
	held     *sql.Conn
	files    originals // nil after Close
	detector *writeDetector

	feed feed

	// calls is held for reading by every call, so that Close waits for them before
	// it releases the lock. sql.DB does not wait.
	calls sync.RWMutex
}

// maxReaders is how many reads run at once. They serve the API and the loading of
// lists, not requests.
const maxReaders = 4

// Open opens the file. It creates it if it is missing, and migrates its schema. It
// waits up to 5 s, and no longer than ctx, for another process to close the file.
// The error names the file and says what is wrong with it: it is in use, damaged,
// of another application, or written by a newer version.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Path == "" || o.Path == ":memory:" {
		return nil, fmt.Errorf("sqlite: opening %q: not the path of a file", o.Path)
	}
	if o.Limits.Integrations <= 0 || o.Limits.Origins <= 0 {
		return nil, errors.New("sqlite: the limits must be positive")
	}
	s, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", o.Path, err)
	}
	s.limits, s.history = o.Limits, o.History
	return s, nil
}

func open(ctx context.Context, o Options) (*Store, error) {
	path, err := locateFile(o.Path)
	if err == nil && o.MustExist {
		err = requireFile(path) // before the lock's file is created
	}
	if err != nil {
		return nil, err
	}
	lock, err := acquireLock(ctx, path, o.InUse)
	if err != nil {
		return nil, err
	}
	s, err := openLocked(ctx, path, o.MustExist)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.path, s.lock = path, lock
	if err := s.holdFiles(ctx, o.Path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openLocked(ctx context.Context, path string, mustExist bool) (*Store, error) {
	if !mustExist {
		if err := createFile(path); err != nil {
			return nil, err
		}
	}
	writer, err := openPool(path, 1, "synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	if err := prepareSchema(ctx, writer, mustExist); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	readers, err := openPool(path, maxReaders+1, "query_only(1)")
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	s := &Store{writer: writer, readers: readers}
	if err := s.beginFeed(ctx); err != nil {
		return nil, errors.Join(err, readers.Close(), writer.Close())
	}
	return s, nil
}

// beginFeed starts the feed at the revision of the file.
func (s *Store) beginFeed(ctx context.Context) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return explainError(err)
	}
	defer conn.Close()
	at, err := readPosition(ctx, conn)
	s.feed.begin(at.Revision)
	return err
}

// holdFiles keeps the files open and remembers which they are. The store was opened
// by name, which may be a symbolic link.
func (s *Store) holdFiles(ctx context.Context, name string) (err error) {
	if name, err = filepath.Abs(name); err != nil {
		return err
	}
	if s.held, err = s.readers.Conn(ctx); err != nil {
		return explainError(err)
	}
	at, err := readPosition(ctx, s.held)
	if err != nil {
		return explainError(err)
	}
	s.lock.mark = at.Store
	if err := s.lock.markFile(); err != nil {
		return err
	}
	if s.detector, err = newWriteDetector(s.path, s.held); err != nil {
		return err
	}
	s.files, err = statOriginals(name, s.path, s.path+"-wal", s.path+"-shm")
	return err
}

// checkFiles fails with store.ErrReplaced if the files are not those that were
// opened. If another process may have used them, it interrupts the feed.
func (s *Store) checkFiles() error {
	if s.files == nil {
		return nil
	}
	renewed, err := s.lock.check()
	if renewed {
		s.feed.interrupt()
	}
	if err != nil {
		return err
	}
	if err := s.files.check(); err != nil {
		return err
	}
	return s.detector.check()
}

// Close implements store.Store. Later calls fail; a second Close does nothing.
func (s *Store) Close() error {
	s.feed.close()
	s.calls.Lock()
	defer s.calls.Unlock()
	s.files = nil
	if s.held != nil {
		s.held.Close()
	}
	// The last connection writes the log back into the file, which a read-only one
	// cannot do. So the writer is closed last.
	return errors.Join(s.readers.Close(), s.writer.Close(), s.lock.Close())
}
