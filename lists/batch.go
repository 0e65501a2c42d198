package lists

import (
	"context"
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
	// single bounds the lists that are read one by one.
	single chan struct{}
}

// loadBatch loads the lists of tenants with one read, or one by one if that does not
// contain them, or fails.
func (c *Cache) loadBatch(ctx context.Context, many store.ManyLoader, tenants []string) {
	b := &batch{read: make(chan struct{}), single: make(chan struct{}, parallelReads)}
	var waiting []string
	var loads []<-chan singleflight.Result
	for _, tenant := range tenants {
		collecting := make(chan struct{})
		load := c.loads.DoChan(tenant, func() (any, error) { return c.loadInBatch(ctx, b, tenant, collecting) })
		select {
		case <-collecting:
			waiting, loads = append(waiting, tenant), append(loads, load)
		case <-load: // another load, or none was necessary
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
// closed.
func (c *Cache) loadInBatch(ctx context.Context, b *batch, tenant string, collecting chan<- struct{}) (*origins.List, error) {
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
	b.single <- struct{}{}
	defer func() { <-b.single }()
	return c.loadList(context.WithoutCancel(ctx), tenant)
}
