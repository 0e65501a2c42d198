package lists

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/singleflight"

	"originwarden/origins"
	"originwarden/store"
)

const (
	tenantsInBatch  = 500
	parallelBatches = 4
)

// batch is a read of several tenants' lists. Each of them is a load of its own, with
// the changes that are committed meanwhile.
type batch struct {
	read     chan struct{} // closed when the fields below are set
	began    time.Time
	revision uint64
	all      map[string][]store.WebIntegration
}

// errNotRead ends the load of a list that a batch did not read: there was too much, or
// the read failed. Whoever needs the list loads it alone.
var errNotRead = errors.New("the list was not read")

// loadBatch loads the lists of tenants with one read, as far as that contains them.
func (c *Cache) loadBatch(ctx context.Context, many store.ManyLoader, tenants []string) {
	b := &batch{read: make(chan struct{})}
	var waiting []string
	var loads []<-chan singleflight.Result
	for _, tenant := range tenants {
		if ctx.Err() != nil {
			break
		}
		collecting := make(chan struct{})
		load := c.loads.DoChan(tenant, func() (any, error) { return c.loadInBatch(b, tenant, collecting) })
		select {
		case <-collecting:
			waiting, loads = append(waiting, tenant), append(loads, load)
		case <-load: // another load, or none was necessary
		case <-ctx.Done():
		}
	}
	b.readFrom(ctx, many, waiting, c.config.Timeout)
	close(b.read)
	for _, load := range loads {
		<-load
	}
}

// readFrom reads the lists. If it fails, there are none.
func (b *batch) readFrom(ctx context.Context, many store.ManyLoader, tenants []string, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	b.began = time.Now()
	revision, all, err := many.LoadMany(ctx, tenants)
	if err == nil {
		b.revision, b.all = revision, all
	}
}

// loadInBatch is loadList with the batch's read, which begins after collecting is
// closed. Its error is errNotRead.
func (c *Cache) loadInBatch(b *batch, tenant string, collecting chan<- struct{}) (*origins.List, error) {
	if current, ok := c.currentList(tenant); ok {
		return current, nil
	}
	c.collectChanges(tenant)
	close(collecting)
	<-b.read
	if all, isRead := b.all[tenant]; isRead {
		if installed, replaced := c.installLoaded(tenant, listOf(b.revision, all), b.began); installed != nil {
			c.loaded.Add(1)
			if replaced {
				c.notify(tenant)
			}
			return installed, nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loading, tenant)
	return nil, errNotRead
}
