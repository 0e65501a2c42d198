package sqlite

import (
	"context"
	"errors"
	"slices"
	"sync"

	"originwarden/origins"
	"originwarden/store"
)

// feed remembers the last changes of an open file, for those that watch. There
// is no other process that could write to it. Its zero value has to begin.
type feed struct {
	mu      sync.Mutex
	from    uint64 // changes holds every change after it
	changes []origins.Change
	origins int           // over changes
	more    chan struct{} // closed when there is more to see
	closed  bool

	// A write of unknown outcome breaks the feed, until what the file has is
	// known again. breaks counts how often.
	broken bool
	breaks int
}

// What is remembered at least, if there was so much; at most it is twice that.
const (
	fedChanges = 1024
	fedOrigins = 100_000
)

var errClosed = errors.New("sqlite: the store is closed")

// begin starts the feed at the revision of the file.
func (f *feed) begin(revision uint64) {
	f.from, f.more = revision, make(chan struct{})
}

// append takes the changes of one commit.
func (f *feed) append(all []origins.Change) {
	if len(all) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		f.broken, f.from = false, all[0].Revision-1
	}
	f.changes = append(f.changes, all...)
	for _, c := range all {
		f.origins += len(c.Origins)
	}
	if len(f.changes) > 2*fedChanges || f.origins > 2*fedOrigins {
		f.forget()
	}
	f.wake()
}

// forget drops the oldest changes, but never the newest.
func (f *feed) forget() {
	n := 0
	for n < len(f.changes)-1 && (len(f.changes)-n > fedChanges || f.origins > fedOrigins) {
		f.origins -= len(f.changes[n].Origins)
		n++
	}
	if n > 0 {
		f.from = f.changes[n-1].Revision
		f.changes = slices.Clone(f.changes[n:])
	}
}

// interrupt makes every watcher compare, after a write that may have happened.
func (f *feed) interrupt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = true
	f.breaks++
	f.changes, f.origins = nil, 0
	f.wake()
}

// mend goes on at the revision of the file, if nothing was written since.
func (f *feed) mend(revision uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		f.broken, f.from = false, revision
	}
}

// state is what a watcher has to know before it begins.
func (f *feed) state() (broken bool, breaks int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken, f.breaks
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		f.wake()
	}
}

// wake is called with mu held.
func (f *feed) wake() {
	close(f.more)
	f.more = make(chan struct{})
}

// after returns the changes after the revision, or a channel that is closed
// when there are some, to one who began after so many breaks.
func (f *feed) after(revision uint64, breaks int) ([]origins.Change, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil, nil, errClosed
	case f.breaks != breaks, revision < f.from:
		return nil, nil, store.ErrCompacted
	}
	for i, c := range f.changes {
		if c.Revision > revision {
			return f.changes[i:len(f.changes):len(f.changes)], nil, nil
		}
	}
	return nil, f.more, nil
}

// Watch implements store.Store. What was written before the file was opened is
// not known to it.
func (s *Store) Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error {
	broken, breaks := s.feed.state()
	if broken {
		at, err := s.Position(ctx)
		if err != nil {
			return err
		}
		s.feed.mend(at.Revision)
	}
	for ctx.Err() == nil {
		changes, more, err := s.feed.after(after, breaks)
		switch {
		case err != nil:
			return err
		case len(changes) > 0:
			changed(changes)
			after = changes[len(changes)-1].Revision
		default:
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
	}
	return ctx.Err()
}
