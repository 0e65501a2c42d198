package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/store"
)

// contents notices that another program has written to the file of an open
// database, as cp does, which leaves the file in its place. SQLite writes to it
// only when it moves pages there from the log, and counts them: a file that has
// changed without that is not SQLite's any more.
type contents struct {
	path  string
	conn  *sql.Conn // for one who has committing
	known atomic.Pointer[version]

	// committing is held by a commit, which may move pages, and by who looks
	// whether some were moved.
	committing sync.Mutex
}

// version is the file at a moment when nobody moved pages to it.
type version struct {
	changed time.Time
	size    int64
	moved   progress
}

// progress is how far the log was moved to the file.
type progress struct {
	log    [8]byte // tells it from the one that was in the log's file before
	pages  int
	copied int
}

// rememberContents looks at a file that has a log. The connection is not used by
// anybody else.
func rememberContents(path string, conn *sql.Conn) (*contents, error) {
	c := &contents{path: path, conn: conn}
	file, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	moved, err := c.progress()
	if err != nil {
		return nil, err
	}
	c.known.Store(&version{file.ModTime(), file.Size(), moved})
	return c, nil
}

// check fails with store.ErrReplaced if another program has written to the file.
// Windows tells the time of a change when it likes.
func (c *contents) check(file fs.FileInfo) error {
	if runtime.GOOS == "windows" || c.known.Load().isOf(file) {
		return nil
	}
	c.committing.Lock()
	defer c.committing.Unlock()
	file, err := os.Stat(c.path)
	if err != nil {
		return fmt.Errorf("sqlite: looking for the file: %w", err)
	}
	known := c.known.Load()
	if known.isOf(file) {
		return nil
	}
	moved, err := c.progress()
	if err != nil {
		return err
	}
	if moved == known.moved || !moved.isSome() {
		return fmt.Errorf("%w: another program has written to %s", store.ErrReplaced, c.path)
	}
	c.known.Store(&version{file.ModTime(), file.Size(), moved})
	return nil
}

func (v *version) isOf(file fs.FileInfo) bool {
	return file.ModTime().Equal(v.changed) && file.Size() == v.size
}

// isSome reports whether the file may have changed since the log began: a log
// without pages was moved as a whole.
func (p progress) isSome() bool { return p.copied > 0 || p.pages == 0 }

func (c *contents) progress() (p progress, err error) {
	var busy int
	err = c.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &p.pages, &p.copied)
	if err != nil {
		return p, fmt.Errorf("sqlite: asking for the log: %w", err)
	}
	log, err := os.Open(c.path + "-wal") // SQLite has no lock on it, which closing would release
	if err != nil {
		return p, fmt.Errorf("sqlite: reading the log: %w", err)
	}
	defer log.Close()
	const salts = 16 // their offset
	if _, err := log.ReadAt(p.log[:], salts); err != nil && err != io.EOF {
		return p, fmt.Errorf("sqlite: reading the log: %w", err)
	}
	return p, nil
}
