package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"originwarden/store"
)

// Options say which file to open, and how much a tenant may keep in it.
type Options struct {
	// Path is the database file. It is created, with mode 0600, when it is
	// missing; its directory is not.
	Path string
	// MustExist makes a file that is missing or empty an error,
	// store.ErrMissing, instead of a new store.
	MustExist bool
	// Limits bound every tenant. Both must be positive.
	Limits store.Limits
	// InUse, if it is not nil, is told at once that another process has the
	// file, and returns whether to wait for it.
	InUse func() bool
}

// ErrInUse is wrapped by the error of Open for a file that another process has.
var ErrInUse = errors.New("it is in use by another process")

// Store is a store.Store in a SQLite file. It may be used concurrently: reads
// wait for no write, and writes wait for one another.
//
// A write that fails on a full disk leaves the file as it was, and later ones
// succeed when there is room. While one of its files is not the one that was
// opened, or another program has written to it, every call fails with
// store.ErrReplaced; but a lock that is not there any more is taken again, unless
// another process has it.
type Store struct {
	limits  store.Limits
	path    string
	lock    *fileLock
	writer  *sql.DB // of one connection, so that revisions are in commit order
	readers *sql.DB

	// held is a connection that no call uses. As long as there is one, SQLite
	// removes no file, and no new file has the number of one that was removed.
	held     *sql.Conn
	files    originals // nil once it is closed
	contents *contents

	feed feed

	// calls is held for reading by every call, so that Close waits for them:
	// sql.DB does not, and the lock must outlast the last of them.
	calls sync.RWMutex
}

// maxReaders is how many reads run at once, beside the connection that is held.
// The lists of the request path are cached; these serve the API and the loads.
const maxReaders = 4

// Open opens the file, creates it if need be, and brings its schema up to date.
// It waits up to 5 s, and no longer than ctx, for another process to release
// the file. The error names the file and says what is wrong with it: that it
// is in use, broken, another program's, or written by a newer version of this
// one.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Path == "" || o.Path == ":memory:" {
		return nil, fmt.Errorf("sqlite: the path of a file is needed, not %q", o.Path)
	}
	if o.Limits.Integrations <= 0 || o.Limits.Origins <= 0 {
		return nil, errors.New("sqlite: the limits must be positive")
	}
	s, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", o.Path, err)
	}
	s.limits = o.Limits
	return s, nil
}

func open(ctx context.Context, o Options) (*Store, error) {
	path, err := locate(o.Path)
	if err == nil && o.MustExist {
		err = find(path) // before there is a lock beside it
	}
	if err != nil {
		return nil, err
	}
	lock, err := acquire(ctx, path, o.InUse)
	if err != nil {
		return nil, err
	}
	s, err := openLocked(ctx, path, o.MustExist)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.path, s.lock = path, lock
	if err := s.hold(ctx, o.Path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openLocked(ctx context.Context, path string, mustExist bool) (*Store, error) {
	if !mustExist {
		if err := create(path); err != nil {
			return nil, err
		}
	}
	writer, err := connect(path, 1, "synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, writer, mustExist); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	readers, err := connect(path, maxReaders+1, "query_only(1)")
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	s := &Store{writer: writer, readers: readers}
	if err := s.beginFeed(ctx); err != nil {
		return nil, errors.Join(err, readers.Close(), writer.Close())
	}
	return s, nil
}

func (s *Store) beginFeed(ctx context.Context) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return explain(err)
	}
	defer conn.Close()
	at, err := lastPosition(ctx, conn)
	s.feed.begin(at.Revision)
	return err
}

// hold keeps the files in use that there are, and remembers them. The store was
// opened by name, which may be a symbolic link.
func (s *Store) hold(ctx context.Context, name string) (err error) {
	if name, err = filepath.Abs(name); err != nil {
		return err
	}
	if s.held, err = s.readers.Conn(ctx); err != nil {
		return explain(err)
	}
	at, err := lastPosition(ctx, s.held)
	if err != nil {
		return explain(err)
	}
	s.lock.mark = at.Store
	if err := s.lock.remember(); err != nil {
		return err
	}
	if s.contents, err = rememberContents(s.path, s.held); err != nil {
		return err
	}
	s.files, err = rememberFiles(name, s.path, s.path+"-wal", s.path+"-shm")
	return err
}

// checkFiles fails with store.ErrReplaced if the files are not those that were
// opened. After another process may have used them, every watcher compares.
func (s *Store) checkFiles() error {
	if s.files == nil {
		return nil // nor is there a lock to take
	}
	renewed, err := s.lock.check()
	if renewed {
		s.feed.interrupt()
	}
	return cmp.Or(err, s.files.check(s.contents))
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
	// The last connection writes the log back into the file, which a read-only
	// one cannot.
	return errors.Join(s.readers.Close(), s.writer.Close(), s.lock.Close())
}
