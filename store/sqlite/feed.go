package sqlite

import (
	"context"
	"errors"
	"slices"
	"sync"

	"originwarden/origins"
	"originwarden/store"
)

// feed keeps the last changes of an open file for Watch. No other process can write
// to the file. begin must be called first.
type feed struct {
	mu      sync.Mutex
	from    uint64 // changes has every change after this revision
	changes []origins.Change
	origins int           // the sum over changes
	more    chan struct{} // closed when something has changed
	closed  bool

	// broken is true from a write of unknown outcome until the revision of the file
	// is known again. breaks counts such writes.
	broken bool
	breaks int
}

// A feed that exceeds twice one of these drops changes until it exceeds neither.
const (
	keptChanges = 1024
	keptOrigins = 100_000
)

var errClosed = errors.New("sqlite: the store is closed")

// begin starts the feed at the revision of the file.
func (f *feed) begin(revision uint64) {
	f.from, f.more = revision, make(chan struct{})
}

// append adds the changes of one commit.
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
	if len(f.changes) > 2*keptChanges || f.origins > 2*keptOrigins {
		f.dropOldest()
	}
	f.wake()
}

// dropOldest drops the oldest changes, but never the newest one.
func (f *feed) dropOldest() {
	n := 0
	for n < len(f.changes)-1 && (len(f.changes)-n > keptChanges || f.origins > keptOrigins) {
		f.origins -= len(f.changes[n].Origins)
		n++
	}
	if n > 0 {
		f.from = f.changes[n-1].Revision
		f.changes = slices.Clone(f.changes[n:])
	}
}

// interrupt ends every Watch with store.ErrFeedGap, after a write of unknown
// outcome.
func (f *feed) interrupt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = true
	f.breaks++
	f.changes, f.origins = nil, 0
	f.wake()
}

// resume ends an interruption at the revision of the file, unless a write did so
// first.
func (f *feed) resume(revision uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		f.broken, f.from = false, revision
	}
}

// state returns what a Watch needs to know when it begins.
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

// wake wakes every Watch. It is called with mu held.
func (f *feed) wake() {
	close(f.more)
	f.more = make(chan struct{})
}

// after returns the changes after the revision, or a channel that is closed when
// there may be some. breaks is that of state when the Watch began.
func (f *feed) after(revision uint64, breaks int) ([]origins.Change, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil, nil, errClosed
	case f.breaks != breaks, revision < f.from:
		return nil, nil, store.ErrFeedGap
	}
	for i, c := range f.changes {
		if c.Revision > revision {
			return f.changes[i:len(f.changes):len(f.changes)], nil, nil
		}
	}
	return nil, f.more, nil
}

// Watch implements store.Store. The history begins when the file is opened.
func (s *Store) Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error {
	broken, breaks := s.feed.state()
	if broken {
		at, err := s.Position(ctx)
		if err != nil {
			return err
		}
		s.feed.resume(at.Revision)
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
