package origins

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"
)

// arrivals are the changes of a tenant that were committed while its list was
// being read. The read may have been before them.
type arrivals struct {
	changes []Change
	doubted bool // the read may have missed something
}

type failure struct {
	err error
	at  time.Time
}

func (c *Cache) miss(ctx context.Context, tenant string) (*List, error) {
	if err := c.lately(tenant); err != nil {
		return nil, err
	}
	select {
	case r := <-c.start(ctx, tenant):
		l, _ := r.Val.(*List)
		return l, r.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// start begins to load the tenant's list, or joins the load that runs.
func (c *Cache) start(ctx context.Context, tenant string) <-chan singleflight.Result {
	return c.group.DoChan(tenant, func() (any, error) {
		return c.fill(context.WithoutCancel(ctx), tenant)
	})
}

// lately returns the error of a load that failed within the last second.
func (c *Cache) lately(tenant string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.failed.Get(tenant); ok && time.Since(f.at) < failureMemory {
		return f.err
	}
	return nil
}

// fill reads the tenant's list and installs it, with the changes that were
// committed meanwhile.
func (c *Cache) fill(ctx context.Context, tenant string) (*List, error) {
	for range maxReads {
		held, again, fine := c.look(tenant)
		if fine {
			return held.list, nil // by a load that ended between our miss and our start
		}
		c.expect(tenant)
		began := time.Now()
		l, err := c.load(ctx, tenant)
		if err != nil {
			return nil, c.fail(tenant, err)
		}
		if l, ok := c.settle(tenant, l, began); ok {
			c.loaded.Add(1)
			if again {
				c.tell(tenant) // others than those that were applied, perhaps
			}
			return l, nil
		}
	}
	return nil, c.fail(tenant, errors.New("the list changes faster than it is read"))
}

// look returns the list that a load is to replace, and whether it needs not to
// be. Then the load has ended: whoever doubts the list from now on must not
// join it.
func (c *Cache) look(tenant string) (h held, again, fine bool) {
	c.changing.Lock()
	defer c.changing.Unlock()
	h, again = c.peek(tenant)
	fine = again && !h.doubted && !c.isStale(h)
	if fine {
		c.group.Forget(tenant)
	}
	return h, again, fine
}

func (c *Cache) peek(tenant string) (held, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists.Peek(tenant)
}

// expect begins to collect the tenant's changes, before its list is read.
func (c *Cache) expect(tenant string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loading[tenant] = &arrivals{}
}

func (c *Cache) fail(tenant string, err error) error {
	err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	c.failures.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loading, tenant)
	c.failed.Add(tenant, failure{err, time.Now()})
	return err
}

// settle applies to a list that was read what arrived meanwhile and installs
// it, or reports that it has to be read again.
func (c *Cache) settle(tenant string, l *List, began time.Time) (*List, bool) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	arrived := c.loading[tenant]
	delete(c.loading, tenant)
	c.mu.Unlock()
	if arrived.doubted {
		return nil, false
	}
	for _, change := range arrived.changes {
		l = l.With(change)
	}
	c.install(tenant, held{list: l, confirmed: began})
	// Whoever asks from now on may do so after a change that l does not have,
	// and must not join this load if l is put out of the cache.
	c.group.Forget(tenant)
	return l, true
}

// install makes h the tenant's list and evicts what exceeds the bounds.
func (c *Cache) install(tenant string, h held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.lists.Peek(tenant); ok {
		c.origins -= old.list.Len()
	} else if c.lists.Len() == c.bounds.Tenants {
		c.evictOldest()
	}
	c.lists.Add(tenant, h)
	c.installs.Add(1)
	c.origins += h.list.Len()
	for c.origins > c.bounds.Origins && c.lists.Len() > 1 {
		c.evictOldest()
	}
}

func (c *Cache) evictOldest() {
	_, old, _ := c.lists.RemoveOldest()
	c.origins -= old.list.Len()
	c.evictions.Add(1)
}

func (a *arrivals) add(change Change) {
	switch {
	case a == nil:
	case len(a.changes) == maxArrivals:
		a.changes, a.doubted = nil, true
	default:
		a.changes = append(a.changes, change)
	}
}
