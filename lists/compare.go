package lists

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"originwarden/origins"
	"originwarden/store"
)

// CatchUp compares the lists with the store and returns when they are up to date.
// Called before Run, it ensures that no outdated restored list is served.
func (c *Cache) CatchUp(ctx context.Context) error {
	if err := c.connect(ctx, true); err != nil {
		return err
	}
	return c.refreshAndPreload(ctx)
}

// connect reaches the store and finds where the feed continues. It compares the lists
// with the store if compare is set, or the position of the feed is unknown.
func (c *Cache) connect(ctx context.Context, compare bool) error {
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	_, err := c.storePosition(ctx)
	if c.config.AcceptReset && errors.Is(err, store.ErrReset) {
		_, err = c.acceptStore(ctx)
	}
	if err != nil || c.isPositionKnown() && !compare {
		return err
	}
	return c.compareWithStore(ctx)
}

func (c *Cache) isPositionKnown() bool {
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	return c.progress.feedKnown
}

// compareWithStore invalidates the lists of tenants that changed after the feed's
// position, and moves the position. A tenant that is not in the store belonged to
// another store and may still have tunnels.
func (c *Cache) compareWithStore(ctx context.Context) error {
	epoch := c.epoch.Load()
	at, revisions, err := c.askTenants(ctx)
	if err != nil {
		return err
	}
	p := &c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.epoch.Load() != epoch {
		return errAccepted
	}
	for tenant := range p.seen {
		if _, has := revisions[tenant]; !has || p.restored {
			c.invalidateList(tenant)
		}
	}
	for tenant, revision := range revisions {
		if revision > p.feedAt.Revision {
			c.invalidateList(tenant)
		}
	}
	if p.restored {
		p.restored = false
		for _, tenant := range c.cachedTenants() {
			c.invalidateList(tenant)
		}
	}
	c.continueFeedFrom(at, revisions)
	return nil
}

// continueFeedFrom makes the feed continue from a position, unless it is already
// further. The caller holds progress.mu.
func (c *Cache) continueFeedFrom(at store.Position, revisions map[string]uint64) {
	p := &c.progress
	if p.feedKnown && p.feedAt.Revision >= at.Revision {
		return
	}
	if !p.feedKnown {
		p.seen = map[string]uint64{}
	}
	maps.Copy(p.seen, revisions)
	p.feedKnown, p.feedAt = true, at
	c.advancePosition()
}

func (c *Cache) askTenants(ctx context.Context) (at store.Position, revisions map[string]uint64, err error) {
	at, err = c.callStore(ctx, func(ctx context.Context) (at store.Position, err error) {
		at, revisions, err = c.config.Store.Tenants(ctx)
		return at, err
	})
	return at, revisions, err
}

// revalidate looks for writes that the feed missed, and for lists that lack a write
// or have one that the store does not.
func (c *Cache) revalidate(ctx context.Context) error {
	before := c.cachedLists()
	at, revisions, err := c.askTenants(ctx)
	if err != nil {
		return err
	}
	if err := c.awaitFeed(ctx, at.Revision); err != nil {
		return err
	}
	c.reportMissedChanges(revisions)
	for tenant, earlier := range before {
		e, cached, invalid := c.peek(tenant)
		if last := revisions[tenant]; cached && !invalid && isWrong(earlier, e.list, last, at) {
			c.reportEvent(ChangeMissed, fmt.Errorf("the list of tenant %q is at revision %d, its last write at %d", tenant, e.list.Revision(), last))
			c.invalidateList(tenant)
		}
	}
	return nil
}

// isWrong reports whether a list contradicts the store, in which the tenant's last
// write was at the revision last when the store was at position. earlier is the list
// as it was before the store was asked.
func isWrong(earlier, list *origins.List, last uint64, position store.Position) bool {
	return list.Revision() < last || // it lacks the last write
		earlier.Revision() > max(last, earlier.CompleteTo()) || // it has a write that the store does not have
		earlier.CompleteTo() > position.Revision // it was read from a newer state of the store
}

// reportMissedChanges reports the writes that the feed missed.
func (c *Cache) reportMissedChanges(revisions map[string]uint64) {
	for tenant, last := range c.noteMissed(revisions) {
		c.reportEvent(ChangeMissed, fmt.Errorf("the feed missed the write of tenant %q at revision %d", tenant, last))
	}
}

// noteMissed returns the writes that the feed missed, by tenant, and invalidates those
// lists, so that the tunnels are reviewed even if the list has the write by now.
func (c *Cache) noteMissed(revisions map[string]uint64) map[string]uint64 {
	p := &c.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	missed := map[string]uint64{}
	for tenant, last := range revisions {
		if p.seen[tenant] < last {
			p.seen[tenant], missed[tenant] = last, last
			c.invalidateList(tenant)
		}
	}
	return missed
}

func (c *Cache) cachedLists() map[string]*origins.List {
	lists := map[string]*origins.List{}
	for _, tenant := range c.cachedTenants() {
		if e, cached, _ := c.peek(tenant); cached {
			lists[tenant] = e.list
		}
	}
	return lists
}

// refreshAndPreload reads the invalid lists and preloads the others, so that the feed's
// position comes into force.
func (c *Cache) refreshAndPreload(ctx context.Context) error {
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	err := errors.Join(c.refreshInvalidListsLocked(ctx), c.preload(ctx))
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	c.advancePosition()
	return err
}

// refreshInvalidLists reads the lists that are invalid.
func (c *Cache) refreshInvalidLists(ctx context.Context) error {
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	return c.refreshInvalidListsLocked(ctx)
}

// refreshInvalidListsLocked is called with refreshing held.
func (c *Cache) refreshInvalidListsLocked(ctx context.Context) error {
	return forEachTenant(ctx, c.invalidTenants(), parallelReads, c.refreshList)
}

func (c *Cache) invalidTenants() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.invalid))
}
