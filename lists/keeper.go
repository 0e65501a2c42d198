package lists

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// Snapshot is what a cache has, at one moment.
type Snapshot struct {
	// At is a position up to which every list contains all changes of its
	// tenant. Lists may contain newer ones.
	At store.Position
	// Confirmed is when At was last known to be the store's newest position, in
	// whole seconds. The zero value is never.
	Confirmed time.Time
	// Lists are by tenant.
	Lists map[string]*origins.List
}

// Disk is where a Keeper keeps lists. It is a disk.Disk, which has the contract.
type Disk interface {
	Write(*Snapshot) error
	Invalidate() error
}

// Keeper keeps a cache's lists on disk. Its fields are set before its use.
// Flush and Err may be used concurrently with Keep.
type Keeper struct {
	Disk  Disk
	Lists *origins.Cache
	// State returns the position of which every change is in force in Lists,
	// and when that was last known to be the store's newest. While there is no
	// such position it is zero, also from before the lists of another store
	// replace the present ones until they have, and nothing is written.
	State func() (at store.Position, confirmed time.Time)
	// Restored is what Lists.Installs was when Lists had all that was read from
	// Disk and nothing else, or 0.
	Restored uint64
	// Log, if it is not nil, is called once when writing fails, once when what
	// was written before had to be invalidated, and with nil when writing
	// succeeds again.
	Log func(error)

	begin   sync.Once
	flushes chan chan error
	ended   chan struct{} // closed by Keep

	mu  sync.Mutex
	err error // of the last write
}

const (
	pause   = 500 * time.Millisecond // half of the second that the snapshot may be behind
	refresh = 4 * time.Second        // how often it is written for its position or time alone
	retry   = 4 * time.Second        // after a failure
)

var (
	errEnded      = errors.New("the lists are not kept on disk any more: the gateway stops")
	errNoPosition = errors.New("they are not known to be those of the store")
)

func (k *Keeper) init() {
	k.begin.Do(func() { k.flushes, k.ended = make(chan chan error), make(chan struct{}) })
}

// Keep writes the lists whenever they have changed, at most a second later, and
// once more when ctx ends; the error is that of the last time. A list that is
// not cached is not kept, so it begins when the lists have been restored or
// loaded. While the cache has never had a list, it writes nothing.
//
// When a change cannot be written, what was written before is invalidated: a
// start without lists refuses more than one that undoes a revocation.
func (k *Keeper) Keep(ctx context.Context) error {
	k.init()
	defer close(k.ended)
	ticks := time.NewTicker(pause)
	defer ticks.Stop()
	last := attempt{installs: k.Restored}
	for {
		select {
		case <-ctx.Done():
			k.write(&last)
			return last.err
		case <-ticks.C:
			if k.due(&last) {
				k.write(&last)
			}
		case done := <-k.flushes:
			done <- k.flush(&last)
		}
	}
}

// Flush returns when the disk has every change that came into the lists
// before the call, or no snapshot at all: no start from it undoes them. The
// error says that neither is so, also when ctx ends before or Keep has ended.
func (k *Keeper) Flush(ctx context.Context) error {
	k.init()
	done := make(chan error, 1)
	select {
	case k.flushes <- done:
	case <-k.ended:
		return errEnded
	case <-ctx.Done():
		return fmt.Errorf("keeping the lists on disk: %w", context.Cause(ctx))
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("keeping the lists on disk: %w", context.Cause(ctx))
	}
}

// Err says why the lists could not be written the last time, or is nil.
func (k *Keeper) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// attempt is a write, and what it was of.
type attempt struct {
	installs  uint64 // of the lists that the disk has
	at        store.Position
	confirmed time.Time
	ended     time.Time
	err       error
	invalid   bool // the disk has no snapshot
}

// isStale reports whether the disk may have lists from before a change. What
// it has is unknown while there never was a list.
func (a *attempt) isStale(installs uint64) bool {
	return !a.invalid && (a.installs != installs || installs == 0)
}

func (k *Keeper) due(last *attempt) bool {
	since := time.Since(last.ended)
	if last.err != nil && since < retry {
		return last.isStale(k.Lists.Installs())
	}
	if last.err != nil || last.invalid || k.Lists.Installs() != last.installs {
		return true
	}
	at, confirmed := k.State()
	return since >= refresh && (at != last.at || !confirmed.Equal(last.confirmed))
}

// write writes the lists as they are now. It reports whether they are those of
// a store.
func (k *Keeper) write(last *attempt) bool {
	next := *last
	installs := k.Lists.Installs() // what is installed from here on is for the next one
	s, ok := k.snapshot()
	if !ok {
		return false
	}
	next.err = k.Disk.Write(s)
	next.at, next.confirmed, next.ended = s.At, s.Confirmed, time.Now()
	switch {
	case next.err == nil:
		next.installs, next.invalid = installs, false
	case last.invalid || last.isStale(installs):
		next.err, next.invalid = k.invalidate(next.err)
	}
	k.report(last, &next)
	*last = next
	return true
}

// invalidate adds to why lists could not be written what that has come to.
func (k *Keeper) invalidate(why error) (err error, invalid bool) {
	if err := k.Disk.Invalidate(); err != nil {
		return fmt.Errorf("%w; %w", why, err), false
	}
	return fmt.Errorf("%w; the one before is invalid now", why), true
}

// flush is Flush within Keep.
func (k *Keeper) flush(last *attempt) error {
	if !last.isStale(k.Lists.Installs()) {
		return nil
	}
	if !k.write(last) {
		next := *last
		next.err, next.invalid = k.invalidate(errNoPosition)
		next.ended = time.Time{} // a write is due as soon as there is a position
		k.report(last, &next)
		*last = next
	}
	if last.invalid {
		return nil
	}
	return last.err
}

func (k *Keeper) report(was, is *attempt) {
	k.mu.Lock()
	k.err = is.err
	k.mu.Unlock()
	if k.Log != nil && ((is.err == nil) != (was.err == nil) || is.invalid && !was.invalid) {
		k.Log(is.err)
	}
}

// snapshot reads the position first: the lists may be newer, but never older.
func (k *Keeper) snapshot() (*Snapshot, bool) {
	s := &Snapshot{Lists: map[string]*origins.List{}}
	s.At, s.Confirmed = k.State()
	for _, tenant := range k.Lists.Tenants() {
		if l, _, ok := k.Lists.Peek(tenant); ok {
			s.Lists[tenant] = l
		}
	}
	after, _ := k.State()
	return s, s.At.Store != "" && s.At.Store == after.Store && k.Lists.Installs() > 0
}
