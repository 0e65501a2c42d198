package lists

import (
	"context"
	"errors"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// Snapshot is what a cache holds, at a moment.
type Snapshot struct {
	// At is a position up to which every list contains all changes of its
	// tenant. Lists may contain newer ones.
	At store.Position
	// Confirmed is when At was last known to be the store's newest position, in
	// whole seconds, or zero if it never was.
	Confirmed time.Time
	// Lists are by tenant.
	Lists map[string]*origins.List
}

// Restore installs lists that were kept elsewhere, before any other call. They are
// served until the store is reached, and then read again: a store restored from a
// backup may have other writes at the same revisions. A snapshot without a position
// is ignored.
func (c *Cache) Restore(s *Snapshot) {
	if s.At == (store.Position{}) {
		return
	}
	for tenant, list := range s.Lists {
		c.restoreList(tenant, entry{list, s.Confirmed})
	}
	p := &c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.keeper != nil && c.Stats().Tenants == len(s.Lists) {
		c.keeper.restored = c.generation.Load()
	}
	p.feedAt, p.restored, p.seen = s.At, true, map[string]uint64{}
	for tenant := range s.Lists {
		p.seen[tenant] = 0 // it may still have tunnels after its list is evicted
	}
	p.state.InForce, p.state.Newest, p.state.Loaded = s.At, s.At.Revision, true
	c.confirmed.Store(&s.Confirmed)
}

// restoreList installs e unless a newer list is cached or being loaded.
func (c *Cache) restoreList(tenant string, e entry) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lists.Contains(tenant) && c.loading[tenant] == nil {
		c.installList(tenant, e)
	}
}

// Accept accepts a store that was reset: the lists of the previous store are
// dropped, and loaded when they are asked for. A store that was not reset stays as
// it is.
func (c *Cache) Accept(ctx context.Context) (store.Position, error) {
	at, err := c.storePosition(ctx)
	if errors.Is(err, store.ErrReset) {
		at, err = c.acceptStore(ctx)
	}
	if err != nil {
		return store.Position{}, err
	}
	select {
	case c.retry <- struct{}{}:
	default:
	}
	return at, nil
}

func (c *Cache) acceptStore(ctx context.Context) (store.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	at, err := c.config.Store.Accept(ctx)
	if err != nil {
		return at, err
	}
	for _, tenant := range c.startOver(at) {
		c.notify(tenant)
	}
	c.reportEvent(StoreAccepted, nil)
	return at, nil
}

// startOver drops the lists of the previous store, ends its feed, and returns the
// tenants of the lists.
func (c *Cache) startOver(at store.Position) []string {
	c.changing.Lock()
	defer c.changing.Unlock()
	p := &c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	c.epoch.Add(1)
	p.feedKnown, p.preloaded, p.restored = false, false, false
	p.feedAt = store.Position{Store: at.Store}
	p.state.Reset, p.state.InForce, p.state.Newest = nil, store.Position{}, at.Revision
	p.trouble = ""
	if p.endFeed != nil {
		p.endFeed(errAccepted)
	}
	return c.dropLists()
}

// dropLists is called with changing held.
func (c *Cache) dropLists() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pending := range c.loading {
		pending.invalid = true
	}
	tenants := c.lists.Keys()
	c.lists.Purge()
	c.failed.Purge()
	c.origins = 0
	c.generation.Add(1)
	return tenants
}
