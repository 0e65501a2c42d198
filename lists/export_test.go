package lists

import (
	"context"
	"sync"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// These functions give tests access to the parts of a Cache.

// Await returns when the revision is in force, or ctx has ended.
func (c *Cache) Await(ctx context.Context, revision uint64) error {
	return c.awaitProgress(ctx, func(p *progress) bool { return p.state.InForce.Revision >= revision })
}

// Apply applies a committed change.
func (c *Cache) Apply(change origins.Change) {
	c.applyChange(change, c.epoch.Load())
	c.notify(change.Tenant)
}

// Invalidate marks the tenant's list as invalid, so that it is loaded again.
func (c *Cache) Invalidate(tenant string) {
	c.invalidateList(tenant)
	c.notify(tenant)
}

// IsInvalid reports whether the tenant's list is invalid.
func (c *Cache) IsInvalid(tenant string) bool {
	_, _, invalid := c.peek(tenant)
	return invalid
}

// Refresh reloads the tenant's list.
func (c *Cache) Refresh(ctx context.Context, tenant string) error { return c.refreshList(ctx, tenant) }

// Confirm records that the lists were the store's at that time.
func (c *Cache) Confirm(at time.Time) { c.confirmed.Store(&at) }

// RestoreList restores one list of a snapshot.
func (c *Cache) RestoreList(tenant string, l *origins.List, confirmed time.Time) {
	c.restoreList(tenant, entry{l, confirmed})
}

// StartOver drops all lists, as after the store was replaced.
func (c *Cache) StartOver() {
	for _, tenant := range c.startOver(store.Position{}) {
		c.notify(tenant)
	}
}

// Peek returns the tenant's cached list and when it was confirmed.
func (c *Cache) Peek(tenant string) (l *origins.List, confirmed time.Time, ok bool) {
	e, ok, _ := c.peek(tenant)
	if !ok {
		return nil, time.Time{}, false
	}
	return e.list, c.confirmedAt(e), true
}

// Tenants returns the tenants whose lists are cached.
func (c *Cache) Tenants() []string { return c.cachedTenants() }

// Installs returns how often a list of a tenant was installed.
func (c *Cache) Installs() uint64 { return c.generation.Load() }

// Configure changes the configuration of a cache that is not in use.
func (c *Cache) Configure(change func(*Config)) { change(&c.config) }

// Keeper keeps a cache's lists on disk as Run does. Its fields must be set before
// use.
type Keeper struct {
	Disk     Disk
	Lists    *Cache
	State    func() (store.Position, time.Time)
	Restored uint64
	Log      func(error)

	once   sync.Once
	keeper *keeper
}

func (k *Keeper) build() *keeper {
	k.once.Do(func() {
		k.keeper = newKeeper(k.Disk, k.Lists)
		k.keeper.state = func() (store.Position, time.Time) { return k.State() }
		k.keeper.restored = k.Restored
		k.keeper.report = func(_ Event, err error) {
			if k.Log != nil {
				k.Log(err)
			}
		}
	})
	return k.keeper
}

// Keep writes the lists to disk until ctx ends and returns the error of the last
// write.
func (k *Keeper) Keep(ctx context.Context) error {
	k.build().run(ctx)
	return k.Err()
}

// Flush writes the lists to disk.
func (k *Keeper) Flush(ctx context.Context) error { return k.build().flush(ctx) }

// Err returns the error of the last write, or nil.
func (k *Keeper) Err() error { return k.build().lastError() }
