package disk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// oldManifest named the files of the format before SQLite.
const oldManifest = "lists.manifest"

// Invalidate makes what was written before invalid, until the next Write. It
// needs no space, and the directory need not be writable. When it returns nil,
// that survives a crash of the machine.
func (d *Disk) Invalidate() error {
	if err := d.invalidate(); err != nil {
		return fmt.Errorf("making the lists in %s invalid: %w", d.root.Name(), withoutPath(err))
	}
	return nil
}

func (d *Disk) invalidate() error {
	if err := d.empty(fileName); err != nil {
		return err
	}
	d.removeOldFormat()
	return errors.Join(d.sync(), d.checkPlace())
}

var errReplaced = errors.New("another directory with lists is in its place")

// checkPlace fails if another directory is at the path and has lists, which the next
// start would read.
func (d *Disk) checkPlace() error {
	there, err := os.Lstat(filepath.Join(d.root.Name(), fileName))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil
	case err != nil:
		return err // what is there may be readable at the next start
	case there.Size() == 0:
		return nil // Read refuses it
	}
	if here, err := d.root.Lstat(fileName); err == nil && os.SameFile(here, there) {
		return nil
	}
	return errReplaced
}

// empty truncates a file to nothing, or removes it. It syncs one that is empty
// already, since that may not be on the disk yet.
func (d *Disk) empty(name string) error {
	info, err := d.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return nil // Read refuses it
	}
	flags := os.O_WRONLY | os.O_TRUNC
	if info.Size() == 0 {
		flags = os.O_RDONLY
	}
	f, err := d.root.OpenFile(name, flags, 0)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil && d.root.Remove(name) == nil {
		return nil
	}
	return err
}

// remove removes files, if they are there.
func (d *Disk) remove(names ...string) (err error) {
	for _, name := range names {
		if e := d.root.Remove(name); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// removeNew removes what an interrupted Write has left.
func (d *Disk) removeNew() error { return d.remove(newName, newName+journalSuffix) }

// removeOldFormat removes the files of the format before SQLite, which nothing
// reads any more. It leaves other files alone.
func (d *Disk) removeOldFormat() {
	_ = d.remove(oldManifest)
	files, _ := fs.ReadDir(d.root.FS(), ".")
	for _, f := range files {
		if isOldFormat(f.Name()) {
			_ = d.remove(f.Name())
		}
	}
}

func isOldFormat(name string) bool {
	for _, suffix := range [...]string{".segment", ".tmp"} {
		if id, ok := strings.CutSuffix(name, suffix); ok {
			raw, err := hex.DecodeString(id)
			return err == nil && len(raw) == 16
		}
	}
	return false
}
