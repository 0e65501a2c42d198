// Package observation keeps in the store when the requests of each tenant are observed,
// so that a restart does not begin a tenant's week of observation again, but a long gap
// does.
package observation

import (
	"context"
	"time"

	"originwarden/console/traffic"
	"originwarden/store"
)

// interval is the time between two writes.
const interval = time.Minute

// Keeper writes to the store. All fields are required.
type Keeper struct {
	Store   store.Observer
	Traffic *traffic.Counts
	// IsTenant reports whether a tenant is configured. The counts of others are removed.
	IsTenant func(id string) bool
	// Timeout bounds each call of the Store.
	Timeout time.Duration
}

// Run writes until ctx ends, and then once more. It reports no errors: those of the
// store show elsewhere, and the next write tries again.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	kept := map[string]store.Observation{} // by tenant; at most as many as Traffic has
	for {
		select {
		case <-tick.C:
			k.write(ctx, kept)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.Timeout)
			defer cancel()
			k.write(last, kept)
			return
		}
	}
}

// write writes for the tenants that had requests, and are still configured, as far as
// the store needs to know. It ends with the first error.
func (k *Keeper) write(ctx context.Context, kept map[string]store.Observation) {
	tenants, now := k.Traffic.Tenants(), time.Now().Truncate(time.Second)
	if len(kept) > 2*len(tenants)+1000 { // others have lost their places
		clear(kept)
	}
	for _, tenant := range tenants {
		if !k.IsTenant(tenant) {
			k.Traffic.Remove(tenant)
			delete(kept, tenant)
			continue
		}
		seen := store.Observation{Since: k.Traffic.Since(tenant), Last: now}
		if !kept[tenant].With(seen, now).NeedsWrite(kept[tenant]) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, k.Timeout)
		observed, err := k.Store.Observe(limited, tenant, seen)
		cancel()
		if err != nil {
			return
		}
		kept[tenant] = observed
	}
}
