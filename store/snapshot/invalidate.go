package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

var errInvalidated = errors.New("it was made invalid, because a change could not be written")

// Invalidate makes what was written before no snapshot any more, until the next
// Write. It takes no space, and survives the end of the machine when it returns
// nil.
func (d *Directory) Invalidate() error {
	if err := d.invalidate(); err != nil {
		return fmt.Errorf("making the snapshot in %s invalid: %w", d.root.Name(), reason(err))
	}
	return nil
}

func (d *Directory) invalidate() error {
	info, err := d.root.Lstat(manifestName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d.sync()
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return nil // it is none
	}
	how := os.O_WRONLY | os.O_TRUNC
	if info.Size() == 0 {
		how = os.O_RDONLY // made so before, but perhaps not for good
	}
	if err := d.empty(manifestName, how); err != nil {
		if d.root.Remove(manifestName) != nil {
			return err
		}
	}
	return d.sync()
}

// empty cuts a file down to nothing, for which the directory need not be
// writable, or has one that is empty reach the disk.
func (d *Directory) empty(name string, how int) error {
	f, err := d.root.OpenFile(name, how, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// mayInvalidate reports why Invalidate would fail.
func (d *Directory) mayInvalidate() error {
	f, err := d.root.OpenFile(manifestName, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// renewPatience is for another process to release the directory. Flush may be
// waiting.
const renewPatience = 100 * time.Millisecond

// renew opens the directory anew if it is not what is at its path any more.
func (d *Directory) renew() error {
	if d.isInPlace() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), renewPatience)
	defer cancel()
	next, err := open(ctx, d.root.Name())
	if err != nil {
		return err
	}
	// What was there may come back to its place. Most likely, it was removed.
	_ = d.invalidate()
	_ = d.Close()
	*d = *next
	return nil
}

// isInPlace reports whether the directory is the one at its path, with its lock.
func (d *Directory) isInPlace() bool {
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
