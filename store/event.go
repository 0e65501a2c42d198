package store

import "errors"

// Event is something that a Follower reports. What lasts is reported once.
type Event string

// The events.
const (
	StoreLost    Event = "the store does not answer"           // with the error; loaded lists are served on
	StoreBack    Event = "the store answers again"             // without an error
	StoreReset   Event = "the store was reset"                 // with a *ResetError; the lists are kept
	ResetTaken   Event = "the store was taken as it is"        // without an error
	FeedBroken   Event = "the feed of changes has to catch up" // with the error
	ListsBehind  Event = "lists could not be read anew"        // with the error; the others are kept up to date
	ChangeMissed Event = "the feed had missed a change"        // with an error that names the tenant
)

// found notes that the store has answered.
func (f *Follower) found(at Position) {
	f.mu.Lock()
	f.state.Up, f.state.Reset = true, nil
	if at.Store == f.fed.Store || f.fed.Store == "" {
		f.state.Newest = max(f.state.Newest, at.Revision)
	}
	f.mu.Unlock()
	if f.over(StoreLost) || f.over(StoreReset) {
		f.report(StoreBack, nil)
	}
}

// lost notes why a session has ended.
func (f *Follower) lost(err error) {
	if errors.Is(err, errTaken) {
		return
	}
	f.troubled(f.note(err), err)
}

func (f *Follower) note(err error) Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	var reset *ResetError
	switch {
	case errors.As(err, &reset):
		f.state.Reset, f.state.Up = reset, true
		return StoreReset
	case errors.Is(err, ErrCompacted):
		f.known = false
		return FeedBroken
	case errors.Is(err, errSilent), errors.Is(err, errFeed):
		return FeedBroken
	default:
		f.state.Up = false
		return StoreLost
	}
}

// troubled reports what was not reported last.
func (f *Follower) troubled(event Event, err error) {
	f.mu.Lock()
	told := f.trouble == event
	f.trouble = event
	f.mu.Unlock()
	if !told {
		f.report(event, err)
	}
}

// over reports whether that was the trouble, which is over.
func (f *Follower) over(event Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.trouble == event
	if was {
		f.trouble = ""
	}
	return was
}

func (f *Follower) report(event Event, err error) {
	if f.Report != nil {
		f.Report(event, err)
	}
}
