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

const (
	maxConfirmInterval = time.Second // how often the store is asked for its position, at least
	minPause           = 100 * time.Millisecond
	maxPause           = time.Second // before the store is tried again
)

// Run keeps the lists at the store's revision until ctx ends. It is called once.
func (c *Cache) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	if c.config.MaxStaleness > 0 {
		running.Go(func() { c.notifyWhileStale(ctx) })
	}
	if c.keeper != nil {
		running.Go(func() { c.keeper.run(ctx) })
	}
	revalidated, pause := time.Now(), minPause
	for {
		began := time.Now()
		err := c.followFeed(ctx, &revalidated)
		if ctx.Err() != nil {
			return
		}
		c.noteEnd(err)
		if errors.Is(err, errFeedEnded) || errors.Is(err, errFeedLags) {
			_ = c.refreshInvalidLists(ctx) // the store may still answer
		}
		if time.Since(began) > maxPause {
			pause = minPause
		}
		c.awaitRetry(ctx, pause)
		pause = min(2*pause, maxPause)
	}
}

func (c *Cache) awaitRetry(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.retry:
	case <-ctx.Done():
	}
}

// followFeed follows the feed until it ends, or the operator accepts a store that was
// reset. revalidated is when the lists were last compared with the store.
func (c *Cache) followFeed(ctx context.Context, revalidated *time.Time) error {
	if err := c.connect(ctx, false); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	var feed sync.WaitGroup
	defer feed.Wait()
	defer end(nil)
	from, epoch, err := c.resumeFeed(end)
	if err != nil {
		return err
	}
	feed.Go(func() {
		err := c.config.Store.Watch(ctx, from, func(changes []origins.Change) { c.applyFeed(changes, epoch) })
		end(fmt.Errorf("%w: %w", errFeedEnded, err))
	})
	err = c.confirmPeriodically(ctx, revalidated)
	if cause := context.Cause(ctx); cause != nil {
		return cause // the call failed because the feed ended
	}
	return err
}

// resumeFeed returns the revision at which the feed continues, and its epoch.
func (c *Cache) resumeFeed(end context.CancelCauseFunc) (from, epoch uint64, err error) {
	p := &c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.feedKnown {
		return 0, 0, errAccepted // meanwhile
	}
	if p.endFeed != nil {
		p.state.Resumes++
	}
	p.endFeed = end
	return p.feedAt.Revision, c.epoch.Load(), nil
}

// confirmPeriodically compares with the store from time to time while the feed
// runs.
func (c *Cache) confirmPeriodically(ctx context.Context, revalidated *time.Time) error {
	ticks := time.NewTicker(c.confirmInterval())
	defer ticks.Stop()
	for {
		if every := c.config.Revalidate; every > 0 && time.Since(*revalidated) >= every {
			if err := c.revalidate(ctx); err != nil {
				return err
			}
			*revalidated = time.Now()
		}
		if err := c.confirmLists(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.refresh:
		case <-ticks.C:
			c.endTrouble(FeedBroken) // the feed has lasted at least one interval
		}
	}
}

// confirmInterval is so short that no list becomes stale between two
// confirmations.
func (c *Cache) confirmInterval() time.Duration {
	if limit := c.config.MaxStaleness; limit > 0 {
		return min(maxConfirmInterval, max(limit/4, time.Millisecond))
	}
	return maxConfirmInterval
}

// confirmLists asks for the store's position and waits until it is in force. It returns
// nil if only some lists could not be read: the feed of the others goes on.
func (c *Cache) confirmLists(ctx context.Context) error {
	began := time.Now()
	at, err := c.storePosition(ctx)
	if err != nil {
		return err
	}
	if err := c.awaitFeed(ctx, at.Revision); err != nil {
		return err
	}
	err = c.refreshAndPreload(ctx)
	switch {
	case ctx.Err() != nil || errors.Is(err, store.ErrReset):
		return err
	case err != nil:
		c.reportTrouble(ListsBehind, err)
		return nil
	}
	c.endTrouble(ListsBehind)
	c.confirmed.Store(&began)
	return nil
}

func (c *Cache) storePosition(ctx context.Context) (store.Position, error) {
	return c.callStore(ctx, c.config.Store.Position)
}

// callStore makes a call that returns the store's position, and fails with a
// *store.ResetError if that contradicts the known position.
func (c *Cache) callStore(ctx context.Context, call func(context.Context) (store.Position, error)) (store.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	known := c.feedPosition()
	at, err := call(ctx)
	if err != nil {
		return at, err
	}
	if known.Store != "" && (at.Store != known.Store || at.Revision < known.Revision) {
		return at, &store.ResetError{Known: known, Found: at}
	}
	c.noteAnswer(at)
	return at, nil
}

// notifyWhileStale notifies of every tenant each second while lists are stale,
// because nothing else would.
func (c *Cache) notifyWhileStale(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if c.allStale() && c.config.Tenants != nil {
			for _, tenant := range c.config.Tenants() {
				c.notify(tenant)
			}
		}
	}
}
