package lists

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"originwarden/store"
)

// preload calls Preload until it has succeeded, once for each store.
func (c *Cache) preload(ctx context.Context) error {
	c.progress.mu.Lock()
	preloaded, epoch := c.progress.preloaded, c.epoch.Load()
	c.progress.mu.Unlock()
	if preloaded {
		return nil
	}
	if err := c.Preload(ctx); err != nil {
		return err
	}
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	c.progress.preloaded = c.epoch.Load() == epoch
	return nil
}

// Preload loads the lists of Config.Tenants that are not cached, as far as the
// bounds allow: beyond them a list would only evict another one. It goes on after a
// list that cannot be read, and returns the error.
func (c *Cache) Preload(ctx context.Context) error {
	if c.config.Tenants == nil {
		return nil
	}
	tenants := c.uncached(c.config.Tenants())
	err := c.loadMissing(ctx, tenants)
	if c.Stats().Tenants == 0 && len(tenants) > 0 {
		return err
	}
	c.progress.mu.Lock()
	c.progress.state.Loaded = true
	c.progress.mu.Unlock()
	if ctx.Err() == nil {
		c.reportEvent(ListsLoaded, err)
	}
	return err
}

// uncached returns the tenants whose lists are not cached, as many as there is room
// for.
func (c *Cache) uncached(tenants []string) (missing []string) {
	room := c.config.Bounds.Tenants - c.Stats().Tenants
	for _, tenant := range tenants {
		if len(missing) >= room {
			break
		}
		if _, cached, _ := c.peek(tenant); !cached {
			missing = append(missing, tenant)
		}
	}
	return missing
}

// loadMissing loads lists until there are too many origins. Two calls do not overlap:
// each would wait for loads that the other holds for its batches.
func (c *Cache) loadMissing(ctx context.Context, tenants []string) error {
	select {
	case c.preloading <- struct{}{}:
		defer func() { <-c.preloading }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	isFull := func() bool { return c.Stats().Origins >= c.config.Bounds.Origins }
	if many := store.AsManyLoader(c.config.Store); many != nil {
		var readers errgroup.Group
		readers.SetLimit(parallelBatches)
		for batch := range slices.Chunk(tenants, tenantsInBatch) {
			if ctx.Err() != nil || isFull() {
				break
			}
			readers.Go(func() error {
				c.loadBatch(ctx, many, batch)
				return nil
			})
		}
		_ = readers.Wait()
		tenants = c.uncached(tenants) // what was too much, or failed
	}
	return forEachTenant(ctx, tenants, len(tenants), func(ctx context.Context, tenant string) error {
		if isFull() {
			return nil
		}
		_, err := c.List(ctx, tenant)
		return err
	})
}

const parallelReads = 16

// forEachTenant calls read for each tenant, several at a time. It stops after
// maxFailures failures, when the store itself seems to fail.
func forEachTenant(ctx context.Context, tenants []string, maxFailures int, read func(ctx context.Context, tenant string) error) error {
	var failed tenantFailures
	var readers errgroup.Group
	readers.SetLimit(parallelReads)
	for _, tenant := range tenants {
		if ctx.Err() != nil || failed.number() >= maxFailures {
			break
		}
		readers.Go(func() error {
			failed.note(tenant, read(ctx, tenant))
			return nil
		})
	}
	_ = readers.Wait()
	return errors.Join(failed.err(), context.Cause(ctx))
}

// tenantFailures are lists that could not be read. It may be used concurrently.
type tenantFailures struct {
	mu     sync.Mutex
	count  int
	tenant string // the first
	cause  error
}

func (f *tenantFailures) note(tenant string, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count++; f.count == 1 {
		f.tenant, f.cause = tenant, err
	}
}

func (f *tenantFailures) number() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

func (f *tenantFailures) err() error {
	switch f.count {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("reading the list of tenant %q: %w", f.tenant, f.cause)
	}
	return fmt.Errorf("reading the list of tenant %q: %w (and those of %d others)", f.tenant, f.cause, f.count-1)
}
