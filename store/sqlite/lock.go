package sqlite

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/gofrs/flock"

	"originwarden/store"
	"originwarden/store/sqlite/sqlitefile"
)

// fileLock keeps other processes, and other Stores of this one, from using a
// database. The kernel releases it with the process. Other programs may remove or
// replace its file; then another process can lock the new file.
type fileLock struct {
	mark string // what its file has, once there is a store

	mu    sync.Mutex
	flock *flock.Flock
	file  fs.FileInfo
}

// acquireLock locks the database. For inUse see sqlitefile.Lock.
func acquireLock(ctx context.Context, path string, inUse func() bool) (*fileLock, error) {
	lock, err := sqlitefile.Lock(ctx, path+".lock", inUse)
	if err != nil {
		return nil, err
	}
	return &fileLock{flock: lock}, nil
}

// markFile writes into the file which store it belongs to, so that this is known
// when the database is gone. A lock file without a mark may be from a start that
// failed. On Windows nobody can write to a locked file, and the mark is missing.
func (l *fileLock) markFile() (err error) {
	_ = os.WriteFile(l.flock.Path(), []byte(l.mark+"\n"), 0o600)
	if l.file, err = os.Stat(l.flock.Path()); err == nil {
		os.SameFile(l.file, l.file) // Windows reads what identifies a file at the first comparison
	}
	return err
}

// check makes sure that the lock keeps others away, and takes it again if its
// file is not the one that was locked. renewed is then true: another process may
// have used the database meanwhile.
func (l *fileLock) check() (renewed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.Stat(l.flock.Path())
	if err == nil && os.SameFile(file, l.file) {
		return false, nil
	}
	next := sqlitefile.NewLock(l.flock.Path())
	taken, err := next.TryLock()
	switch {
	case err != nil:
		return false, fmt.Errorf("%w: %s is not the file that was locked, and locking it: %w", store.ErrReplaced, next.Path(), err)
	case !taken:
		return false, fmt.Errorf("%w: another process has locked %s", store.ErrReplaced, next.Path())
	}
	_ = l.flock.Close()
	l.flock = next
	return true, l.markFile()
}

// Close releases the lock.
func (l *fileLock) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flock.Close()
}
