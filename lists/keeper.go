package lists

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"originwarden/store"
)

// Disk keeps a Snapshot. disk.Disk implements it, and documents it in full. Its
// methods are not called concurrently.
type Disk interface {
	// Write replaces the snapshot on disk by s. After an error the disk has either.
	Write(s *Snapshot) error
	// Invalidate makes the snapshot on disk unusable. It needs no space.
	Invalidate() error
}

// keeper keeps a cache's lists on a disk.
type keeper struct {
	disk  Disk
	cache *Cache
	// state returns the position in force, and when it was confirmed.
	state  func() (store.Position, time.Time)
	report func(Event, error)
	// restored is the value of Cache.generation when the cache held exactly the lists from
	// the disk, or 0.
	restored uint64

	flushes chan chan error
	ended   chan struct{} // closed when run has ended

	mu  sync.Mutex
	err error // of the last write
}

const (
	keepPause   = 500 * time.Millisecond // half of the second that the disk may be behind
	keepRefresh = 4 * time.Second        // how often the disk is written for the position or time alone
	keepRetry   = 4 * time.Second        // after a failure
)

var (
	errKeeperEnded = errors.New("the lists are no longer saved to disk: the gateway is stopping")
	errNoPosition  = errors.New("the lists were not yet compared with the store")
)

func newKeeper(disk Disk, cache *Cache) *keeper {
	return &keeper{
		disk: disk, cache: cache, report: cache.reportEvent,
		state: func() (store.Position, time.Time) {
			s := cache.State()
			return s.InForce, s.Confirmed
		},
		flushes: make(chan chan error), ended: make(chan struct{}),
	}
}

// Keep returns when the disk has every earlier change of the tenant's list, or no
// snapshot, so that a start without the store cannot undo a change. It first reads
// a list that may lack a write. It does nothing else without a Config.Disk.
func (c *Cache) Keep(ctx context.Context, tenant string) error {
	if _, _, invalid := c.peek(tenant); invalid {
		if err := c.refreshList(ctx, tenant); err != nil {
			return err
		}
	}
	if c.keeper == nil {
		return nil
	}
	return c.keeper.flush(ctx)
}

// run writes the lists whenever they have changed, at most a second later, and
// once more when ctx ends. A list that is not cached is not kept. While the cache
// has never had a list, it writes nothing.
//
// When a change cannot be written, what was written before is invalidated: a
// start without lists refuses more than one that undoes a revocation.
func (k *keeper) run(ctx context.Context) {
	defer close(k.ended)
	ticks := time.NewTicker(keepPause)
	defer ticks.Stop()
	last := attempt{generation: k.restored}
	for {
		select {
		case <-ctx.Done():
			k.writeLists(&last)
			return
		case <-ticks.C:
			if k.isDue(&last) {
				k.writeLists(&last)
			}
		case done := <-k.flushes:
			done <- k.writeChanges(&last)
		}
	}
}

// flush makes run write the lists if they have changed, and waits until it has.
func (k *keeper) flush(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case k.flushes <- done:
	case <-k.ended:
		return errKeeperEnded
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

// lastError returns the error of the last write to the disk, or nil.
func (k *keeper) lastError() error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// attempt is a write to the disk: what was written, and the result.
type attempt struct {
	generation uint64 // of the lists that the disk has
	at         store.Position
	confirmed  time.Time
	ended      time.Time
	err        error
	invalid    bool // the disk has no snapshot
}

// mayBeBehind reports whether the disk may have lists from before a change. Until
// the cache has had a list, it is unknown what the disk has, so it may be.
func (a *attempt) mayBeBehind(generation uint64) bool {
	return !a.invalid && (a.generation != generation || generation == 0)
}

func (k *keeper) isDue(last *attempt) bool {
	generation, since := k.cache.generation.Load(), time.Since(last.ended)
	if last.err != nil && since < keepRetry {
		return last.mayBeBehind(generation)
	}
	if last.err != nil || last.invalid || generation != last.generation {
		return true
	}
	at, confirmed := k.state()
	return since >= keepRefresh && (at != last.at || !confirmed.Equal(last.confirmed))
}

// writeLists writes the lists as they are now. It reports whether they are those of
// a store.
func (k *keeper) writeLists(last *attempt) bool {
	next := *last
	generation := k.cache.generation.Load() // what is installed from here on is for the next one
	s, ok := k.takeSnapshot()
	if !ok {
		return false
	}
	next.err = k.disk.Write(s)
	next.at, next.confirmed, next.ended = s.At, s.Confirmed, time.Now()
	switch {
	case next.err == nil:
		next.generation, next.invalid = generation, false
	case last.invalid || last.mayBeBehind(generation):
		next.err, next.invalid = k.invalidateDisk(next.err)
	}
	k.noteAttempt(last, next)
	return true
}

// invalidateDisk invalidates the snapshot after the error why, and returns why with
// the result.
func (k *keeper) invalidateDisk(why error) (err error, invalid bool) {
	if err := k.disk.Invalidate(); err != nil {
		return fmt.Errorf("%w; %w", why, err), false
	}
	return fmt.Errorf("%w; the one before is invalid now", why), true
}

// writeChanges writes the lists if the disk may be behind. run calls it for flush.
func (k *keeper) writeChanges(last *attempt) error {
	if !last.mayBeBehind(k.cache.generation.Load()) {
		return nil
	}
	if !k.writeLists(last) {
		next := *last
		next.err, next.invalid = k.invalidateDisk(errNoPosition)
		next.ended = time.Time{} // a write is due as soon as there is a position
		k.noteAttempt(last, next)
	}
	if last.invalid {
		return nil
	}
	return last.err
}

// noteAttempt makes next the last attempt, and reports what is new about it.
func (k *keeper) noteAttempt(last *attempt, next attempt) {
	before := *last
	*last = next
	k.mu.Lock()
	k.err = next.err
	k.mu.Unlock()
	switch {
	case next.err == nil && before.err != nil:
		k.report(ListsKept, nil)
	case next.err != nil && (before.err == nil || next.invalid && !before.invalid):
		k.report(ListsNotKept, next.err)
	}
}

// takeSnapshot reads the position first: the lists may be newer, but never older. It
// reports whether the lists are those of a store.
func (k *keeper) takeSnapshot() (*Snapshot, bool) {
	at, confirmed := k.state()
	s := &Snapshot{At: at, Confirmed: confirmed, Lists: k.cache.cachedLists()}
	after, _ := k.state()
	return s, at.Store != "" && at.Store == after.Store && k.cache.generation.Load() > 0
}
