package lists

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"originwarden/origins"
	"originwarden/store"
)

const (
	failureMemory = time.Second // how long after a failed load List returns its error and starts no other
	maxPending    = 1024        // changes during one load, above which it is read again
	maxDeletions  = 1024        // deleted parts that a cached list remembers
	maxReads      = 5           // of one load
)

// pendingChanges are the changes of a tenant that were committed while its list
// was being read. The list that was read may lack them.
type pendingChanges struct {
	changes []origins.Change
	invalid bool // the read may have missed something
}

// noteChange does nothing if p is nil: then no load runs.
func (p *pendingChanges) noteChange(change origins.Change) {
	switch {
	case p == nil:
	case len(p.changes) == maxPending:
		p.changes, p.invalid = nil, true
	default:
		p.changes = append(p.changes, change)
	}
}

type failedLoad struct {
	err error
	at  time.Time
}

// awaitLoad waits for a load of the tenant's list, and starts one if none runs.
func (c *Cache) awaitLoad(ctx context.Context, tenant string) (*origins.List, error) {
	if err := c.recentFailure(tenant); err != nil {
		return nil, err
	}
	return c.joinLoad(ctx, tenant)
}

// joinLoad is awaitLoad, also after a failure.
func (c *Cache) joinLoad(ctx context.Context, tenant string) (*origins.List, error) {
	for {
		select {
		case r := <-c.startLoad(ctx, tenant):
			if r.Err == errNotRead { // by a batch that had begun before
				continue
			}
			l, _ := r.Val.(*origins.List)
			return l, r.Err
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
		}
	}
}

// startLoad begins to load the tenant's list, or joins the load that runs.
func (c *Cache) startLoad(ctx context.Context, tenant string) <-chan singleflight.Result {
	return c.loads.DoChan(tenant, func() (any, error) {
		return c.loadList(context.WithoutCancel(ctx), tenant)
	})
}

// recentFailure returns the error of a load that failed within the last second.
func (c *Cache) recentFailure(tenant string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.failed.Get(tenant); ok && time.Since(f.at) < failureMemory {
		return f.err
	}
	return nil
}

// loadList reads the tenant's list and installs it, with the changes that were
// committed meanwhile.
func (c *Cache) loadList(ctx context.Context, tenant string) (*origins.List, error) {
	for range maxReads {
		if current, ok := c.currentList(tenant); ok {
			return current, nil // a load ended between our miss and our start
		}
		c.collectChanges(tenant)
		began := time.Now()
		l, err := c.loadFromStore(ctx, tenant)
		if err != nil {
			return nil, c.noteFailure(tenant, err)
		}
		installed, replaced := c.installLoaded(tenant, l, began)
		if installed == nil {
			continue
		}
		c.loaded.Add(1)
		if replaced {
			c.notify(tenant)
		}
		return installed, nil
	}
	return nil, c.noteFailure(tenant, errors.New("the list changes faster than it is read"))
}

// loadFromStore reads the tenant's list from the store.
func (c *Cache) loadFromStore(ctx context.Context, tenant string) (*origins.List, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	revision, all, err := c.config.Store.Load(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return listOf(revision, all), nil
}

func listOf(revision uint64, all []store.WebIntegration) *origins.List {
	parts := make([]origins.Part, len(all))
	for i := range all {
		parts[i] = all[i].Part()
	}
	return origins.NewList(revision, parts)
}

// currentList returns the cached list if it needs no load. It then ends the sharing
// of this load, so that a later caller starts a new one.
func (c *Cache) currentList(tenant string) (*origins.List, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, cached := c.lists.Peek(tenant)
	_, invalid := c.invalid[tenant]
	if !cached || invalid || c.isStale(e) {
		return nil, false
	}
	c.loads.Forget(tenant)
	return e.list, true
}

// collectChanges begins to collect the tenant's changes, before its list is
// read.
func (c *Cache) collectChanges(tenant string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loading[tenant] = &pendingChanges{}
}

func (c *Cache) noteFailure(tenant string, err error) error {
	err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	c.failures.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loading, tenant)
	c.failed.Add(tenant, failedLoad{err, time.Now()})
	return err
}

// installLoaded applies to a list that was read the changes that arrived meanwhile,
// and installs it. It returns nil if the list has to be read again. replaced
// reports whether an earlier list may have been used for decisions.
func (c *Cache) installLoaded(tenant string, l *origins.List, began time.Time) (installed *origins.List, replaced bool) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	pending := c.loading[tenant]
	c.mu.Unlock()
	for _, change := range pending.changes { // grows only while changing is held
		l = l.With(change)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loading, tenant)
	if pending.invalid {
		return nil, false
	}
	_, cached := c.lists.Peek(tenant)
	_, invalid := c.invalid[tenant]
	delete(c.invalid, tenant)
	c.installList(tenant, entry{list: l, confirmed: began})
	// Later callers must not join this load: they may need a newer change.
	c.loads.Forget(tenant)
	return l, cached || invalid
}

// installList makes e the tenant's list and evicts what exceeds the bounds. It is
// called with changing and mu held.
func (c *Cache) installList(tenant string, e entry) {
	if old, ok := c.lists.Peek(tenant); ok {
		c.origins -= old.list.Len()
	} else if c.lists.Len() == c.config.Bounds.Tenants {
		c.evictOldest()
	}
	c.lists.Add(tenant, e)
	c.generation.Add(1)
	c.origins += e.list.Len()
	for c.origins > c.config.Bounds.Origins && c.lists.Len() > 1 {
		c.evictOldest()
	}
}

func (c *Cache) evictOldest() {
	_, old, _ := c.lists.RemoveOldest()
	c.origins -= old.list.Len()
	c.evictions.Add(1)
}
