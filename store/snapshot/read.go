package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
	"weak"

	"originwarden/origins"
)

// Read returns what was written last, or ErrNone. Any other error says what is
// wrong with it: that it is torn, another program's, or of another version of
// this one; then nothing of it is used, and the next Write replaces it. What an
// interrupted Write has left, which may have filled the disk, is removed.
//
// A time of confirmation that is yet to come is that of a clock that was
// wrong, and says nothing: then Confirmed is zero.
func (d *Directory) Read() (*Snapshot, error) {
	d.forget()
	m, err := d.readManifest()
	if errors.Is(err, fs.ErrNotExist) {
		d.sweep()
		return nil, ErrNone
	}
	if errors.Is(err, errInvalidated) {
		d.sweep() // for want of space, perhaps
	}
	if err != nil {
		return nil, d.refused(manifestName, err)
	}
	if err := d.mayInvalidate(); err != nil {
		return nil, d.refused(manifestName, fmt.Errorf("changes since may be missing, for it may not be written to: %w", reason(err)))
	}
	s := &Snapshot{At: m.at, Confirmed: m.confirmed, Lists: map[string]*origins.List{}}
	if m.confirmed.After(time.Now()) {
		s.Confirmed = time.Time{}
	}
	places := map[string]place{}
	for _, segment := range slices.Backward(m.segments) {
		b, err := d.readSegment(segment)
		if err == nil {
			err = collect(segment, b, s.Lists, places)
		}
		if err != nil {
			return nil, d.refused(segment.id.file(), err)
		}
	}
	d.segments, d.places = m.segments, places
	d.sweep()
	return s, nil
}

// refused does not wrap err, which may be that a file does not exist.
func (d *Directory) refused(file string, err error) error {
	return fmt.Errorf("the snapshot in %s is refused: %s: %v", d.root.Name(), file, reason(err))
}

// collect takes from the segment's contents what newer ones do not have.
func collect(s *segment, b []byte, lists map[string]*origins.List, places map[string]place) error {
	from := decoder{rest: b}
	for len(from.rest) > 0 {
		e := from.entry(func(tenant string) bool { return places[tenant].segment == nil })
		if from.failed || places[e.tenant].segment == s {
			return errMalformed
		}
		if places[e.tenant].segment != nil {
			continue
		}
		at := place{segment: s, size: e.size, gone: e.gone}
		if !e.gone {
			l := origins.RestoreList(e.complete, e.changes)
			lists[e.tenant], at.list = l, weak.Make(l)
		}
		places[e.tenant] = at
	}
	if from.failed {
		return errMalformed
	}
	return nil
}
