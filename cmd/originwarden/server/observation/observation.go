// Package observation keeps in the store since when the requests of each tenant are
// observed, so that a restart does not begin a tenant's week of observation again.
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
	// Timeout bounds each call of the Store.
	Timeout time.Duration
}

// Run writes until ctx ends, and then once more. It reports no errors: those of the
// store show elsewhere, and the next write tries again.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	kept := map[string]bool{} // tenants; at most as many as Traffic has
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

// write writes for the tenants that are not kept yet, and adds them. It ends with the
// first error.
func (k *Keeper) write(ctx context.Context, kept map[string]bool) {
	tenants := k.Traffic.Tenants()
	if len(kept) > 2*len(tenants)+1000 { // others have lost their places
		clear(kept)
	}
	for _, tenant := range tenants {
		if kept[tenant] {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, k.Timeout)
		_, err := k.Store.Observe(limited, tenant, k.Traffic.Since(tenant))
		cancel()
		if err != nil {
			return
		}
		kept[tenant] = true
	}
}
