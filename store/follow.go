package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"originwarden/origins"
)

// Follower keeps a cache at the revision of its store: it applies every change
// that the feed tells, and where the feed has a gap it compares and reloads.
// Its fields are set before its use; its methods may be used concurrently, but
// for Follow, which runs once at a time.
type Follower struct {
	Store Store
	Lists *origins.Cache
	// Timeout ends each call of the store, and is how long the feed may lag.
	Timeout time.Duration
	// Revalidate is how often every cached list is compared with the store,
	// should the feed have missed a tenant's last change; 0 is never.
	Revalidate time.Duration
	// AcceptReset takes a store over that was reset, as Accept does.
	AcceptReset bool
	// Prepare, if there is one, is called once the store has been reached, and
	// again until it succeeds; and so again when a store was taken over. Until
	// then the revision in force stays. It does not hold up the feed.
	Prepare func(context.Context) error
	// Report, if there is one, is told what happens, for a log. It is called
	// from Follow, CatchUp and Accept, and calls none of them.
	Report func(Event, error)

	validated time.Time // used by Follow alone

	turn sync.Mutex // one reads lists anew at a time; it is taken before mu

	// applying is held while changes of the feed are applied, so that none of
	// them comes after its store was replaced. It is taken before mu.
	applying sync.Mutex

	mu    sync.Mutex
	state State
	progress
	trouble Event                   // what was reported last, until it is over
	end     context.CancelCauseFunc // of the feed that was taken up last
	feeds   uint64                  // how often it was
	moved   chan struct{}           // closed when a revision has moved on
	retry   chan struct{}           // has room for one: there is reason not to wait
}

// State is how current the lists are.
type State struct {
	// InForce is the position of which every change is in force here: no list
	// that is had from now on lacks one of them. It is zero until there is one,
	// and again from when a store was taken over until its lists are prepared.
	InForce Position
	// Confirmed is when that was last known to be the store's newest. The zero
	// value is never.
	Confirmed time.Time
	// Newest is the newest revision that the store told.
	Newest uint64
	// Up says that the store answered last.
	Up bool
	// Reset is not nil while the store is not accepted.
	Reset *ResetError
	// Resumes counts how often the feed was taken up again.
	Resumes uint64
}

const (
	beat       = time.Second // how often the store is asked for its position
	leastPause = 100 * time.Millisecond
	mostPause  = time.Second // before the store is tried again
)

// beat is short enough that no list is stale between two of them.
func (f *Follower) beat() time.Duration {
	if most := f.Lists.MaxStaleness; most > 0 {
		return min(beat, max(most/4, time.Millisecond))
	}
	return beat
}

var (
	errFeed   = errors.New("the feed ended")
	errSilent = errors.New("the feed does not tell what the store has")
	errTaken  = errors.New("the store was taken as it is")
)

// State returns how current the lists are.
func (f *Follower) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Restored says that lists were put into the cache that were at this position,
// and last confirmed then, before Follow is called. They are served until the
// store is reached, and all read anew then: whether it has the same writes up to
// that position, and not others after a restore from a backup, nobody here
// remembers.
func (f *Follower) Restored(at Position, confirmed time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fed, f.restored, f.seen = at, true, map[string]uint64{}
	for _, tenant := range f.Lists.Tenants() {
		f.seen[tenant] = 0 // it may have tunnels when its list was put out
	}
	f.state.InForce, f.state.Newest, f.state.Confirmed = at, at.Revision, confirmed
}

// Follow keeps the cache at the store's revision until ctx ends.
func (f *Follower) Follow(ctx context.Context) {
	f.validated = time.Now()
	pause := leastPause
	for {
		began := time.Now()
		err := f.session(ctx)
		if ctx.Err() != nil {
			return
		}
		f.lost(err)
		if time.Since(began) > mostPause {
			pause = leastPause
		}
		f.wait(ctx, pause)
		pause = min(2*pause, mostPause)
	}
}

func (f *Follower) wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.retries():
	case <-ctx.Done():
	}
}

// session follows the feed until it breaks, or the store is taken as it is.
func (f *Follower) session(ctx context.Context) error {
	if err := f.reach(ctx, false); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	var feed sync.WaitGroup
	defer feed.Wait()
	defer end(nil)
	from, taken, err := f.resume(end)
	if err != nil {
		return err
	}
	feed.Go(func() {
		err := f.Store.Watch(ctx, from, func(changes []origins.Change) { f.apply(changes, taken) })
		end(fmt.Errorf("%w: %w", errFeed, err))
	})
	err = f.attend(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return cause // what broke off made the call fail
	}
	return err
}

// resume says from where the feed has to go on.
func (f *Follower) resume(end context.CancelCauseFunc) (from uint64, taken int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known {
		return 0, 0, errTaken // meanwhile
	}
	f.end = end
	f.feeds++
	f.state.Resumes = f.feeds - 1
	return f.fed.Revision, f.taken, nil
}

// attend compares with the store from time to time while the feed runs.
func (f *Follower) attend(ctx context.Context) error {
	beats := time.NewTicker(f.beat())
	defer beats.Stop()
	for {
		if f.Revalidate > 0 && time.Since(f.validated) >= f.Revalidate {
			if err := f.revalidate(ctx); err != nil {
				return err
			}
			f.validated = time.Now()
		}
		if err := f.confirm(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-beats.C:
			f.over(FeedBroken) // it has held for a while
		}
	}
}

// confirm asks for the store's position and waits until it is in force. That
// some lists cannot be read does not end the feed of the others.
func (f *Follower) confirm(ctx context.Context) error {
	began := time.Now()
	at, err := f.position(ctx)
	if err != nil {
		return err
	}
	if err := f.awaitFeed(ctx, at.Revision); err != nil {
		return err
	}
	err = f.complete(ctx)
	switch {
	case ctx.Err() != nil || errors.Is(err, ErrReset):
		return err
	case err != nil:
		f.troubled(ListsBehind, err)
		return nil
	}
	f.over(ListsBehind)
	f.Lists.Confirm(began)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Confirmed = began
	return nil
}

func (f *Follower) position(ctx context.Context) (Position, error) {
	return f.ask(ctx, f.Store.Position)
}

// ask makes a call that tells the store's position. That has to be one that
// the store can have come to from where it is known here, also when the store
// itself remembers none.
func (f *Follower) ask(ctx context.Context, call func(context.Context) (Position, error)) (Position, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	known := f.feed()
	at, err := call(ctx)
	if err != nil {
		return at, err
	}
	if known.Store != "" && (at.Store != known.Store || at.Revision < known.Revision) {
		return at, &ResetError{Known: known, Found: at}
	}
	f.found(at)
	return at, nil
}
