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

// contents detects that another program, such as cp, has written to the file of an
// open database. SQLite writes to the file only in a checkpoint, when it copies pages
// from the log, and counts these pages. If the file changed without a checkpoint, it
// was not SQLite that changed it.
type contents struct {
	path  string
	conn  *sql.Conn // used with committing held
	known atomic.Pointer[version]

	// committing is held during a commit, which may run a checkpoint, and while the
	// progress of checkpoints is read.
	committing sync.Mutex
}

// version is a state of the file between checkpoints.
type version struct {
	changed time.Time
	size    int64
	copied  progress
}

// progress is how much of the log was copied to the file.
type progress struct {
	log     [8]byte // identifies the log: its file is reused
	written time.Time
	pages   int
	copied  int
}

// trackContents returns the contents of a file that has a log. Nothing else may use
// the connection.
func trackContents(path string, conn *sql.Conn) (*contents, error) {
	c := &contents{path: path, conn: conn}
	file, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	copied, err := c.readProgress()
	if err != nil {
		return nil, err
	}
	c.known.Store(&version{file.ModTime(), file.Size(), copied})
	return c, nil
}

// check fails with store.ErrReplaced if another program has written to the file. It
// cannot tell on Windows, where the time of a change may be updated late.
func (c *contents) check(file fs.FileInfo) error {
	if runtime.GOOS == "windows" || c.known.Load().matches(file) {
		return nil
	}
	c.committing.Lock()
	defer c.committing.Unlock()
	file, err := os.Stat(c.path)
	if err != nil {
		return fmt.Errorf("sqlite: checking the file: %w", err)
	}
	known := c.known.Load()
	if known.matches(file) {
		return nil
	}
	copied, err := c.readProgress()
	if err != nil {
		return err
	}
	if !copied.isBeyond(known.copied) {
		return fmt.Errorf("%w: another program has written to %s", store.ErrReplaced, c.path)
	}
	c.known.Store(&version{file.ModTime(), file.Size(), copied})
	return nil
}

// noteCommit is called after a commit, which may have begun a new log, with
// committing held. If the file has changed, it leaves that to check.
func (c *contents) noteCommit() {
	file, err := os.Stat(c.path)
	if known := c.known.Load(); err != nil || !known.matches(file) {
		return
	}
	if copied, err := c.readProgress(); err == nil {
		c.known.Store(&version{file.ModTime(), file.Size(), copied})
	}
}

func (v *version) matches(file fs.FileInfo) bool {
	return file.ModTime().Equal(v.changed) && file.Size() == v.size
}

// isBeyond reports whether pages were copied to the file since then. A new log
// begins, and a log is emptied, only when all pages of the previous one were copied.
func (p progress) isBeyond(then progress) bool {
	return p.log != then.log || p.copied > then.copied || p.pages == 0 && !p.written.Equal(then.written)
}

func (c *contents) readProgress() (p progress, err error) {
	var busy int
	err = c.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &p.pages, &p.copied)
	if err != nil {
		return p, fmt.Errorf("sqlite: reading the state of the log: %w", err)
	}
	log, err := os.Open(c.path + "-wal") // closing it releases no lock of SQLite, which has none on it
	if err != nil {
		return p, fmt.Errorf("sqlite: reading the log: %w", err)
	}
	defer log.Close()
	file, err := log.Stat()
	if err != nil {
		return p, fmt.Errorf("sqlite: reading the log: %w", err)
	}
	p.written = file.ModTime()
	const salts = 16 // offset
	if _, err := log.ReadAt(p.log[:], salts); err != nil && err != io.EOF {
		return p, fmt.Errorf("sqlite: reading the log: %w", err)
	}
	return p, nil
}
