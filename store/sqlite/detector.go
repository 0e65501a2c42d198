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

// writeDetector detects that another program, such as cp, has written to the file of an
// open database. SQLite writes to the file only in a checkpoint, when it copies pages
// from the log, and counts these pages. If the file changed without a checkpoint, it
// was not SQLite that changed it.
type writeDetector struct {
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

// newWriteDetector returns the detector for a database that has a log. Nothing else
// may use the connection.
func newWriteDetector(path string, conn *sql.Conn) (*writeDetector, error) {
	d := &writeDetector{path: path, conn: conn}
	file, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	copied, err := d.readProgress()
	if err != nil {
		return nil, err
	}
	d.known.Store(&version{file.ModTime(), file.Size(), copied})
	return d, nil
}

// check fails with store.ErrReplaced if another program has written to the file. It
// cannot tell on Windows, where the time of a change may be updated late.
func (d *writeDetector) check() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	if file, err := os.Stat(d.path); err == nil && d.known.Load().matches(file) {
		return nil
	}
	d.committing.Lock()
	defer d.committing.Unlock()
	file, err := os.Stat(d.path)
	if err != nil {
		return fmt.Errorf("sqlite: checking the file: %w", err)
	}
	known := d.known.Load()
	if known.matches(file) {
		return nil
	}
	copied, err := d.readProgress()
	if err != nil {
		return err
	}
	if !copied.isAfter(known.copied) {
		return fmt.Errorf("%w: another program has written to %s", store.ErrReplaced, d.path)
	}
	d.known.Store(&version{file.ModTime(), file.Size(), copied})
	return nil
}

// noteCommit is called after a commit, which may have begun a new log, with
// committing held. If the file has changed, it leaves that to check.
func (d *writeDetector) noteCommit() {
	file, err := os.Stat(d.path)
	if known := d.known.Load(); err != nil || !known.matches(file) {
		return
	}
	if copied, err := d.readProgress(); err == nil {
		d.known.Store(&version{file.ModTime(), file.Size(), copied})
	}
}

func (v *version) matches(file fs.FileInfo) bool {
	return file.ModTime().Equal(v.changed) && file.Size() == v.size
}

// isAfter reports whether pages were copied to the file since the earlier state. A
// new log begins, and a log is emptied, only when all pages of the previous one were
// copied.
func (p progress) isAfter(earlier progress) bool {
	return p.log != earlier.log || p.copied > earlier.copied || p.pages == 0 && !p.written.Equal(earlier.written)
}

func (d *writeDetector) readProgress() (p progress, err error) {
	var busy int
	err = d.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &p.pages, &p.copied)
	if err != nil {
		return p, fmt.Errorf("sqlite: reading the state of the log: %w", err)
	}
	log, err := os.Open(d.path + "-wal") // closing it releases no lock of SQLite, which has none on it
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
