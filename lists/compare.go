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

// CatchUp compares the lists with the store, and returns when they are where the
// store was. Before Run it tells whether the store can be reached and its lists
// be read, so that none that was restored and is old is served.
func (c *Cache) CatchUp(ctx context.Context) error {
	if err := c.reachStore(ctx, true); err != nil {
		return err
	}
	return c.loadMissing(ctx)
}

// reachStore finds the store, and from where the feed can go on: where it was, or,
// if asked for or needed, where the lists were compared.
func (c *Cache) reachStore(ctx context.Context, compare bool) error {
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	_, err := c.storePosition(ctx)
	if c.config.AcceptReset && errors.Is(err, store.ErrReset) {
		_, err = c.acceptStore(ctx)
	}
	if err != nil || c.isKnown() && !compare {
		return err
	}
	return c.compareWithStore(ctx)
}

func (c *Cache) isKnown() bool {
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	return c.progress.known
}

// compareWithStore finds the tenants that have changed since the feed was left, and goes
// on from there. A tenant that the store does not have any more was another
// store's, and may have tunnels.
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
		if revision > p.fed.Revision {
			c.invalidateList(tenant)
		}
	}
	if p.restored {
		p.restored = false
		for _, tenant := range c.tenants() {
			c.invalidateList(tenant)
		}
	}
	c.continueFeedFrom(at, revisions)
	return nil
}

// continueFeedFrom has the feed go on from a position, if it has not come further
// meanwhile. It is called with progress held.
func (c *Cache) continueFeedFrom(at store.Position, revisions map[string]uint64) {
	p := &c.progress
	if p.known && p.fed.Revision >= at.Revision {
		return
	}
	if !p.known {
		p.seen = map[string]uint64{}
	}
	maps.Copy(p.seen, revisions)
	p.known, p.fed = true, at
	c.advancePosition()
}

func (c *Cache) askTenants(ctx context.Context) (at store.Position, revisions map[string]uint64, err error) {
	at, err = c.callStore(ctx, func(ctx context.Context) (at store.Position, err error) {
		at, revisions, err = c.config.Store.Tenants(ctx)
		return at, err
	})
	return at, revisions, err
}

// revalidate finds the tenants whose last write the feed has come past and not
// told of, and the lists that lack it or have one that the store never had.
func (c *Cache) revalidate(ctx context.Context) error {
	before := c.cachedLists()
	at, revisions, err := c.askTenants(ctx)
	if err != nil {
		return err
	}
	if err := c.awaitFeed(ctx, at.Revision); err != nil {
		return err
	}
	c.findMissedChanges(revisions)
	for tenant, was := range before {
		e, cached, invalid := c.peek(tenant)
		if !cached || invalid {
			continue
		}
		is, last := e.list.Revision(), revisions[tenant]
		if is < last || was.Revision() > max(last, was.CompleteTo()) || was.CompleteTo() > at.Revision {
			c.reportEvent(ChangeMissed, fmt.Errorf("the list of tenant %q is at revision %d, its last write at %d", tenant, is, last))
			c.invalidateList(tenant)
		}
	}
	return nil
}

// findMissedChanges finds what the feed has dropped. The tenant's list may have
// it all the same, by a load, or not be cached, and its tunnels not be decided
// on again.
func (c *Cache) findMissedChanges(revisions map[string]uint64) {
	for tenant, last := range c.noteMissed(revisions) {
		c.reportEvent(ChangeMissed, fmt.Errorf("the feed did not tell of the write of tenant %q at revision %d", tenant, last))
	}
}

// noteMissed invalidates the lists of the tenants that it returns.
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
	for _, tenant := range c.tenants() {
		if e, cached, _ := c.peek(tenant); cached {
			lists[tenant] = e.list
		}
	}
	return lists
}

// loadMissing brings in force what the feed has come past: it reads the lists that
// are invalid, and those that are loaded in advance.
func (c *Cache) loadMissing(ctx context.Context) error {
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	err := errors.Join(c.readInvalidLists(ctx), c.preload(ctx))
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	c.advancePosition()
	return err
}

// refreshInvalidLists reads the lists that are invalid.
func (c *Cache) refreshInvalidLists(ctx context.Context) error {
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	return c.readInvalidLists(ctx)
}

// readInvalidLists is called with refreshing held.
func (c *Cache) readInvalidLists(ctx context.Context) error {
	return readLists(ctx, c.invalidTenants(), parallelReads, c.refreshList)
}

func (c *Cache) invalidTenants() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.invalid))
}
