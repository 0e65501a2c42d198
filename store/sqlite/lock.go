package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"originwarden/store"
)

const (
	lockPatience = 5 * time.Second
	lockInterval = 20 * time.Millisecond
)

// fileLock keeps other processes, and other Stores of this one, from using a
// database. The kernel releases it with the process. Its file may be removed or
// replaced by those who do not know what it is for: then it keeps nobody away.
type fileLock struct {
	mark string // what its file has, once there is a store

	mu    sync.Mutex
	flock *flock.Flock
	file  fs.FileInfo
}

func newFlock(path string) *flock.Flock { return flock.New(path, flock.SetPermissions(0o600)) }

// acquire takes the lock of the database. Where another process has it, inUse
// says whether to wait; nil is yes.
func acquire(ctx context.Context, path string, inUse func() bool) (*fileLock, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock := newFlock(path + ".lock")
	taken, err := lock.TryLock()
	if err == nil && !taken {
		if inUse != nil && !inUse() {
			return nil, ErrInUse
		}
		_, err = lock.TryLockContext(ctx, lockInterval)
	}
	switch {
	case err == nil:
		return &fileLock{flock: lock}, nil
	case errors.Is(err, ctx.Err()):
		return nil, ErrInUse
	}
	return nil, fmt.Errorf("locking it: %w", err)
}

// remember looks at the file, and writes into it which store it belongs to: a
// lock that says so outlives the database that it was for. One that says nothing
// may be from a start that failed. Windows lets nobody write to a file that is
// locked, and the mark is missing there.
func (l *fileLock) remember() (err error) {
	_ = os.WriteFile(l.flock.Path(), []byte(l.mark+"\n"), 0o600)
	if l.file, err = os.Stat(l.flock.Path()); err == nil {
		os.SameFile(l.file, l.file) // Windows reads what identifies a file at the first comparison
	}
	return err
}

// check makes sure that the lock keeps others away, and takes it again if its
// file is not the one that was locked. It says so, because another process may
// have used the database meanwhile.
func (l *fileLock) check() (renewed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.Stat(l.flock.Path())
	if err == nil && os.SameFile(file, l.file) {
		return false, nil
	}
	next := newFlock(l.flock.Path())
	taken, err := next.TryLock()
	switch {
	case err != nil:
		return false, fmt.Errorf("%w: %s is not the file that was locked, and locking it: %w", store.ErrReplaced, next.Path(), err)
	case !taken:
		return false, fmt.Errorf("%w: another process has locked %s", store.ErrReplaced, next.Path())
	}
	_ = l.flock.Close()
	l.flock = next
	return true, l.remember()
}

// Close releases the lock.
func (l *fileLock) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flock.Close()
}
