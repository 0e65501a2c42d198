package lists

import (
	"context"

	"originwarden/origins"
	"originwarden/store"
)

// Write runs commit, which makes one write and returns its change, and applies the
// change to the list. When it returns nil, every later List contains the change.
// Otherwise it returns commit's error; if the outcome is unknown, the list is read
// again. commit's context ends after Config.Timeout, not with ctx.
func (c *Cache) Write(ctx context.Context, tenant string, commit func(context.Context) (origins.Change, error)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.Timeout)
	defer cancel()
	epoch := c.epoch.Load()
	change, err := commit(ctx)
	switch {
	case err == nil:
		if !c.applyChange(change, epoch) {
			c.dropList(tenant) // the list may lack the change
		}
	case store.IsOutcomeUnknown(err):
		c.invalidateList(tenant)
		c.refreshSoon()
	default:
		return err
	}
	c.notify(tenant)
	return err
}

// applyChange applies a change from the store of an epoch to the tenant's list, if
// that is cached or being loaded. It reports whether the lists are still of that
// store.
func (c *Cache) applyChange(change origins.Change, epoch uint64) bool {
	c.changing.Lock()
	defer c.changing.Unlock()
	if c.epoch.Load() != epoch {
		return false
	}
	c.mu.Lock()
	c.loading[change.Tenant].noteChange(change)
	e, ok := c.lists.Peek(change.Tenant)
	c.mu.Unlock()
	if !ok {
		return true
	}
	next := e.list.With(change)
	if next == e.list {
		return true
	}
	e.list = next
	c.mu.Lock()
	defer c.mu.Unlock()
	c.installList(change.Tenant, e)
	if next.Deletions() > maxDeletions { // reading the list again forgets them
		c.invalid[change.Tenant] = struct{}{}
		c.refreshSoon()
	}
	return true
}

// invalidateList marks the tenant's list to be read again, and reports whether it
// is cached.
func (c *Cache) invalidateList(tenant string) (cached bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.loading[tenant]; p != nil {
		p.invalid = true
	}
	c.invalid[tenant] = struct{}{}
	return c.lists.Contains(tenant)
}

// dropList removes the tenant's list, which is loaded when it is asked for.
func (c *Cache) dropList(tenant string) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.loading[tenant]; p != nil {
		p.invalid = true
	}
	if e, ok := c.lists.Peek(tenant); ok {
		c.lists.Remove(tenant)
		c.origins -= e.list.Len()
		c.generation.Add(1)
	}
}

// refreshSoon makes Run read invalid lists at once.
func (c *Cache) refreshSoon() {
	select {
	case c.refresh <- struct{}{}:
	default:
	}
}

// refreshList reads the tenant's list again if it is cached, and returns when
// that is done. It calls the subscribers in any case: the list may have changed.
func (c *Cache) refreshList(ctx context.Context, tenant string) error {
	defer c.notify(tenant)
	if !c.invalidateList(tenant) && c.forgetInvalid(tenant) {
		return nil
	}
	_, err := c.joinLoad(ctx, tenant)
	return err
}

// forgetInvalid removes the mark of invalidateList if the list is not cached, and
// reports whether it did. A later load reads the store anyway.
func (c *Cache) forgetInvalid(tenant string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lists.Contains(tenant) {
		return false
	}
	delete(c.invalid, tenant)
	return true
}
