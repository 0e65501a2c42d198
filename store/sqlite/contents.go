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
	log     [8]byte // tells it from the one that was in the log's file before
	written time.Time
	pages   int
	copied  int
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
	if !moved.isBeyond(known.moved) {
		return fmt.Errorf("%w: another program has written to %s", store.ErrReplaced, c.path)
	}
	c.known.Store(&version{file.ModTime(), file.Size(), moved})
	return nil
}

// noteCommit is called after a commit, which may have begun another log, by who
// has committing. If a change of the file came with it, that is for check.
func (c *contents) noteCommit() {
	file, err := os.Stat(c.path)
	if known := c.known.Load(); err != nil || !known.isOf(file) {
		return
	}
	if moved, err := c.progress(); err == nil {
		c.known.Store(&version{file.ModTime(), file.Size(), moved})
	}
}

func (v *version) isOf(file fs.FileInfo) bool {
	return file.ModTime().Equal(v.changed) && file.Size() == v.size
}

// isBeyond reports whether something was moved to the file since then. Another
// log begins, and one is emptied, only when all of the one before was.
func (p progress) isBeyond(then progress) bool {
	return p.log != then.log || p.copied > then.copied || p.pages == 0 && !p.written.Equal(then.written)
}

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
	file, err := log.Stat()
	if err != nil {
		return p, fmt.Errorf("sqlite: reading the log: %w", err)
	}
	p.written = file.ModTime()
	const salts = 16 // their offset
	if _, err := log.ReadAt(p.log[:], salts); err != nil && err != io.EOF {
		return p, fmt.Errorf("sqlite: reading the log: %w", err)
	}
	return p, nil
}
