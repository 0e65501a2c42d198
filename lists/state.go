package lists

import (
	"errors"
	"time"

	"originwarden/store"
)

// State is how current the lists are.
type State struct {
	// Loaded says that lists were restored, or those of Config.Tenants loaded.
	Loaded bool
	// InForce is the position up to which every change is in force: every later
	// List contains it. It is zero until there is one, and again after a store was
	// accepted until its lists are loaded.
	InForce store.Position
	// Confirmed is when that was last known to be the store's newest, or zero if it
	// never was.
	Confirmed time.Time
	// Newest is the newest revision that the store reported.
	Newest uint64
	// Up says whether the store answered the last call.
	Up bool
	// Reset is not nil while the store is not accepted.
	Reset *store.ResetError
	// Resumes counts how often the feed was resumed.
	Resumes uint64
	// NotKept says why the lists could not be written to the disk the last time,
	// or is nil.
	NotKept error
}

// State returns how current the lists are.
func (c *Cache) State() State {
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	s := c.progress.state
	if at := c.confirmed.Load(); at != nil {
		s.Confirmed = *at
	}
	s.NotKept = c.keeper.lastError()
	return s
}

// Event is something that a Cache reports. A lasting problem is reported once, when it
// begins.
type Event string

// The events.
const (
	StoreLost     Event = "the store is unreachable"            // with the error; loaded lists are served on
	StoreBack     Event = "the store is reachable again"        // without an error
	StoreReset    Event = "the store was reset"                 // with a *store.ResetError; the lists are kept
	StoreAccepted Event = "the store was accepted"              // without an error
	FeedBroken    Event = "the feed of changes was interrupted" // with the error
	ListsBehind   Event = "loading lists failed"                // with the error; the others are kept up to date
	ChangeMissed  Event = "the feed missed a change"            // with an error that names the tenant
	ListsLoaded   Event = "the lists were loaded"               // with an error if some could not be read
	ListsNotKept  Event = "saving the lists to disk failed"     // with the error
	ListsKept     Event = "the lists are saved to disk again"   // without an error
)

func (c *Cache) reportEvent(event Event, err error) {
	if c.config.Report != nil {
		c.config.Report(event, err)
	}
}

// noteAnswer notes that the store has answered with its position.
func (c *Cache) noteAnswer(at store.Position) {
	p := &c.progress
	p.mu.Lock()
	p.state.Up, p.state.Reset = true, nil
	if at.Store == p.feedAt.Store || p.feedAt.Store == "" {
		p.state.Newest = max(p.state.Newest, at.Revision)
	}
	p.mu.Unlock()
	if c.endTrouble(StoreLost) || c.endTrouble(StoreReset) {
		c.reportEvent(StoreBack, nil)
	}
}

// noteEnd reports why followFeed has returned.
func (c *Cache) noteEnd(err error) {
	if !errors.Is(err, errAccepted) {
		c.reportTrouble(c.recordEnd(err), err)
	}
}

// recordEnd records why followFeed has returned, and returns the event to report. After
// ErrFeedGap the position of the feed is unknown, so that connect compares all lists.
func (c *Cache) recordEnd(err error) Event {
	p := &c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	var reset *store.ResetError
	switch {
	case errors.As(err, &reset):
		p.state.Reset, p.state.Up = reset, true
		return StoreReset
	case errors.Is(err, store.ErrFeedGap):
		p.feedKnown = false
		return FeedBroken
	case errors.Is(err, errFeedLags), errors.Is(err, errFeedEnded):
		return FeedBroken
	default:
		p.state.Up = false
		return StoreLost
	}
}

// reportTrouble reports event unless it is the current trouble.
func (c *Cache) reportTrouble(event Event, err error) {
	c.progress.mu.Lock()
	reported := c.progress.trouble == event
	c.progress.trouble = event
	c.progress.mu.Unlock()
	if !reported {
		c.reportEvent(event, err)
	}
}

// endTrouble ends event if it is the current trouble, and reports whether it was.
func (c *Cache) endTrouble(event Event) bool {
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	was := c.progress.trouble == event
	if was {
		c.progress.trouble = ""
	}
	return was
}
