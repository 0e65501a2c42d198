package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"originwarden/store/sqlite/sqlitefile"
)

const (
	lockName      = "lists.lock"
	fileName      = "lists.db"
	newName       = "lists.new" // of a file that is not complete yet
	journalSuffix = "-journal"
)

// ErrNone is returned by Read if nothing was written yet. It is an
// fs.ErrNotExist; no other error of Read is.
var ErrNone = fmt.Errorf("there are no lists on disk: %w", fs.ErrNotExist)

// Disk is a directory with the last good lists, locked against other processes.
// It is used by one goroutine at a time.
type Disk struct {
	root *os.Root
	lock *flock.Flock

	// contents are those of the file when it was last read or written. If they
	// are nil, the next Write replaces the file.
	contents *contents
}

// Open opens the directory. If it is missing, it is created with mode 0700; its
// parent must exist. Open waits up to 5 s, and no longer than ctx, for another
// process to release the directory. It refuses one that others may write to.
func Open(ctx context.Context, dir string) (*Disk, error) {
	d, err := open(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("opening the directory of the lists, %s: %w", dir, err)
	}
	return d, nil
}

func open(ctx context.Context, dir string) (*Disk, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, withoutPath(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, withoutPath(err)
	}
	d := &Disk{root: root}
	if d.lock, err = lockDirectory(ctx, root); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// withoutPath returns err without the name of the file, which the caller adds.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// lockDirectory takes the lock, which the kernel releases with the process.
func lockDirectory(ctx context.Context, root *os.Root) (*flock.Flock, error) {
	info, err := root.Stat(".")
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(info); err != nil {
		return nil, err
	}
	return sqlitefile.Lock(ctx, filepath.Join(root.Name(), lockName), nil)
}

// Close releases the directory. What was written stays.
func (d *Disk) Close() error { return errors.Join(d.lock.Close(), d.root.Close()) }

// reopenTimeout is how long to wait for another process to release the
// directory. An API request may be waiting in Cache.Keep meanwhile.
const reopenTimeout = 100 * time.Millisecond

// reopenIfMoved opens the directory again if it was removed or replaced.
func (d *Disk) reopenIfMoved() error {
	if d.isInPlace() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), reopenTimeout)
	defer cancel()
	next, err := open(ctx, d.root.Name())
	if err != nil {
		return err
	}
	// The old directory may have been renamed and may come back: its lists must not
	// be used then.
	_ = d.invalidate()
	_ = d.Close()
	*d = *next
	return nil
}

// isInPlace reports whether the directory is the one at its path, with its lock.
func (d *Disk) isInPlace() bool {
	there, err := os.Stat(d.root.Name())
	if err != nil {
		return false
	}
	here, err := d.root.Stat(".")
	if err != nil || !os.SameFile(here, there) {
		return false
	}
	_, err = d.root.Lstat(lockName)
	return err == nil
}

// sync makes the names of files survive a crash of the machine. Windows and
// some file systems do not support it.
func (d *Disk) sync() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	err = f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) || !syncsDirectories {
		return nil
	}
	return err
}
