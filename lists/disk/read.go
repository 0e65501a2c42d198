package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"originwarden/lists"
	"originwarden/store"
)

var errInvalidated = errors.New("it was made invalid, because a change could not be written")

// Read returns what was written last, or ErrNone. Any other error says what is
// wrong with it: that it is damaged, another program's, or of another version
// of this one. Then nothing of it is used, and the next Write replaces it. What
// an interrupted Write has left, which may have filled the disk, is removed.
//
// A time of confirmation in the future is that of a wrong clock: then Confirmed
// is zero.
func (d *Disk) Read() (*lists.Snapshot, error) {
	d.contents = nil
	_ = d.removeNew()
	s, err := d.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNone
	case err != nil: // not wrapped: fs.ErrNotExist would look like ErrNone
		return nil, fmt.Errorf("the lists in %s are refused: %s: %v", d.root.Name(), fileName, withoutPath(err))
	}
	return s, nil
}

func (d *Disk) read() (s *lists.Snapshot, err error) {
	if err := d.checkFile(); err != nil {
		return nil, err
	}
	db, err := d.openPool(fileName)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	p, err := readPosition(db)
	if err != nil {
		return nil, err
	}
	s = &lists.Snapshot{At: store.Position{Store: p.store, Revision: p.revision}}
	if at := time.Unix(p.confirmed, 0); !at.IsZero() && !at.After(time.Now()) {
		s.Confirmed = at
	}
	var c *contents
	if s.Lists, c, err = readLists(db); err != nil {
		return nil, fmt.Errorf("it is damaged: %v", err)
	}
	if c.digests != p.digests {
		return nil, errors.New("it is damaged: rows are missing, or were added")
	}
	d.contents = c
	return s, nil
}

// checkFile fails unless the file is a regular one, not a link, that others may
// not write to and this user may.
func (d *Disk) checkFile() error {
	info, err := d.root.Lstat(fileName)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Size() == 0:
		return errInvalidated
	}
	if err := checkPrivate(info); err != nil {
		return err
	}
	f, err := d.root.OpenFile(fileName, os.O_WRONLY, 0) // as Invalidate does
	if err != nil {
		return fmt.Errorf("it is not writable, so later changes may be missing: %v", withoutPath(err))
	}
	return f.Close()
}
