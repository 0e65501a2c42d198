package origins

import (
	"context"
	"fmt"
	"time"
)

// Confirm says that at that time every change of the store had been applied, or
// its tenant's list read anew.
func (c *Cache) Confirm(at time.Time) { c.confirmed.Store(&at) }

// Apply brings a committed change into the tenant's list, if that is cached or
// being loaded. When it returns, every later List contains the change. One that
// the list contains already leaves it as it is, but may still be news to whoever
// decided by the list before a load brought the change.
func (c *Cache) Apply(change Change) {
	c.apply(change)
	c.tell(change.Tenant)
}

// ApplyIn is Apply for a change that was committed to the store of a
// Generation. If the lists are those of another store by now, it doubts the
// tenant's instead.
func (c *Cache) ApplyIn(generation uint64, change Change) {
	if c.Generation() == generation {
		c.Apply(change)
	}
	if c.Generation() != generation { // perhaps only just now
		c.Doubt(change.Tenant)
	}
}

// Generation counts how often Clear was called: which store the lists are of.
func (c *Cache) Generation() uint64 { return c.generation.Load() }

func (c *Cache) tell(tenant string) {
	if c.Changed != nil {
		c.Changed(tenant)
	}
}

func (c *Cache) apply(change Change) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	c.loading[change.Tenant].add(change)
	h, ok := c.lists.Peek(change.Tenant)
	c.mu.Unlock()
	if !ok {
		return
	}
	next := h.list.With(change)
	if next == h.list {
		return
	}
	h.list = next
	// Read anew, the list needs to remember no deletion.
	h.doubted = h.doubted || h.list.deleted > maxDeleted
	c.install(change.Tenant, h)
}

// Doubt says that the tenant's list may be behind, as after a write of which
// nobody knows whether it happened. The list is read anew at the next List,
// beside the requests that it goes on to serve until it could be read.
func (c *Cache) Doubt(tenant string) {
	c.doubt(tenant)
	c.tell(tenant)
}

// Doubted reports whether the tenant's list is served until it could be read
// anew.
func (c *Cache) Doubted(tenant string) bool {
	h, _ := c.peek(tenant)
	return h.doubted
}

// Refresh reads the tenant's list anew, if it is cached, and returns when that
// is done. Either way the list may have changed.
func (c *Cache) Refresh(ctx context.Context, tenant string) error {
	// Once it is put out, a load by a miss may read it, which tells nobody.
	defer c.tell(tenant)
	if !c.doubt(tenant) {
		return nil
	}
	select {
	case r := <-c.start(ctx, tenant):
		return r.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// Restore brings in a list that was kept elsewhere, which was the store's when
// it was confirmed. A list that is there already, or being loaded, is newer. It
// is called before changes are applied: a list that is not there misses them.
func (c *Cache) Restore(tenant string, l *List, confirmed time.Time) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	known := c.lists.Contains(tenant) || c.loading[tenant] != nil
	c.mu.Unlock()
	if !known {
		c.install(tenant, held{list: l, confirmed: confirmed})
	}
}

// Clear drops all lists, which were those of another store, so that each is
// loaded when it is asked for.
func (c *Cache) Clear() {
	for _, tenant := range c.drop() {
		c.tell(tenant)
	}
}

func (c *Cache) drop() []string {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, arriving := range c.loading {
		arriving.doubted = true
	}
	c.generation.Add(1)
	tenants := c.lists.Keys()
	c.lists.Purge()
	c.failed.Purge()
	c.origins = 0
	c.installs.Add(1)
	return tenants
}

// doubt reports whether there is a list to doubt.
func (c *Cache) doubt(tenant string) bool {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.loading[tenant]; a != nil {
		a.doubted = true
	}
	h, ok := c.lists.Peek(tenant)
	if ok {
		h.doubted = true
		c.lists.Add(tenant, h)
	}
	return ok
}
