package lists

import (
	"context"
	"errors"
	"sync"

	"originwarden/origins"
	"originwarden/store"
)

// progress is how far the lists have followed the store.
type progress struct {
	mu    sync.Mutex
	state State // without Confirmed and NotKept
	// feedKnown says that the feed continues from feedAt. Up to there, only the lists of
	// invalid tenants may lack changes.
	feedKnown bool
	feedAt    store.Position
	preloaded bool
	// restored says that the lists came from the disk.
	restored bool
	// seen has the last known write of each tenant.
	seen    map[string]uint64
	trouble Event                   // what was reported last, until it is over
	endFeed context.CancelCauseFunc // of the feed that runs or ran last
	moved   chan struct{}           // closed by the next advancePosition
}

var (
	errFeedEnded = errors.New("the feed ended")
	errFeedLags  = errors.New("the feed lags behind the store")
	errAccepted  = errors.New("the operator accepted a reset store")
)

// feedPosition is how far the feed has come.
func (c *Cache) feedPosition() store.Position {
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	return c.progress.feedAt
}

// advancePosition moves the position in force to the feed's, if the lists have
// reached it. The caller holds progress.mu, and calls it when feedAt has advanced, or
// lists were preloaded or read again.
func (c *Cache) advancePosition() {
	p := &c.progress
	if p.preloaded && !c.hasInvalid() {
		p.state.InForce = p.feedAt
	}
	p.state.Newest = max(p.state.Newest, p.feedAt.Revision)
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

func (c *Cache) hasInvalid() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.invalid) > 0
}

// awaitFeed waits until the feed has reached the revision, at most Config.Timeout.
func (c *Cache) awaitFeed(ctx context.Context, revision uint64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.config.Timeout, errFeedLags)
	defer cancel()
	return c.awaitProgress(ctx, func(p *progress) bool { return p.feedAt.Revision >= revision })
}

// awaitProgress returns when reached, which is called with progress.mu held, reports
// true.
func (c *Cache) awaitProgress(ctx context.Context, reached func(*progress) bool) error {
	p := &c.progress
	for {
		p.mu.Lock()
		done := reached(p)
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// applyFeed applies changes from the feed. Of several changes of one web
// integration it applies the last.
func (c *Cache) applyFeed(changes []origins.Change, epoch uint64) {
	if len(changes) == 0 {
		return
	}
	for _, change := range lastOfEach(changes) {
		if !c.applyChange(change, epoch) {
			return
		}
		c.notify(change.Tenant)
	}
	p := &c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.epoch.Load() != epoch {
		return
	}
	for _, change := range changes {
		p.seen[change.Tenant] = change.Revision
	}
	p.feedAt.Revision = max(p.feedAt.Revision, changes[len(changes)-1].Revision)
	c.advancePosition()
}

func lastOfEach(changes []origins.Change) []origins.Change {
	if len(changes) == 1 {
		return changes
	}
	type key struct{ tenant, id string }
	last := make(map[key]int, len(changes))
	for i, c := range changes {
		last[key{c.Tenant, c.ID}] = i
	}
	kept := make([]origins.Change, 0, len(last))
	for i, c := range changes {
		if last[key{c.Tenant, c.ID}] == i {
			kept = append(kept, c)
		}
	}
	return kept
}
