// Package refusals remembers which origins were refused, so that administrators find
// out whose pages broke. What is new is in memory, and is written to the store every
// ten seconds.
package refusals

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"originwarden/origins"
	"originwarden/store"
)

const (
	// flushInterval is the time between two writes to the store. A gateway that is
	// killed loses what is newer.
	flushInterval = 10 * time.Second
	// lastFlush bounds the write when the gateway stops.
	lastFlush = 2 * time.Second
	// batchSize is the number of refusals from which on a write ends. Writes of lists
	// may have to wait for one.
	batchSize = 1000
)

// Inventory has the refusals of the store, and those that this gateway has not written
// there yet, in bounded memory. It may be used concurrently.
type Inventory struct {
	store   store.Inventory
	timeout time.Duration
	report  func(error)
	recent  *recent
	// moving is held by a flush between taking refusals from memory and their arrival
	// in the store, and in part by every reader, so that none sees them twice or not
	// at all.
	moving  *semaphore.Weighted
	failing atomic.Bool
}

const wholeSemaphore = 1 << 30

// Request is a request that was refused.
type Request struct {
	Origin  string // the value of its Origin header, or empty
	Reason  origins.Reason
	Method  string
	Path    string // without the query
	Agent   string // the family of its user agent; one of few
	OwnHost bool   // whether it was sent to the origin's own host
	Time    time.Time
}

// New returns an Inventory whose Run writes to s. timeout bounds each write. report, if
// it is not nil, is called with the error when writes begin to fail, and with nil when
// they succeed again.
func New(s store.Inventory, timeout time.Duration, report func(error)) *Inventory {
	return &Inventory{store: s, timeout: timeout, report: report, recent: newRecent(), moving: semaphore.NewWeighted(wholeSemaphore)}
}

// Record counts a refused request of a tenant that exists. It does no I/O and waits for
// none. It allocates nothing for a known origin, and next to nothing once there is no
// more room.
func (v *Inventory) Record(tenant string, r Request) { v.recent.record(tenant, &r) }

// Refusals returns the tenant's refusals, the latest first, with those that are not
// written yet. If the store cannot be read, it returns the latter, and the error.
func (v *Inventory) Refusals(ctx context.Context, tenant string) ([]store.Refusal, error) {
	if err := v.moving.Acquire(ctx, 1); err != nil {
		return store.MergeRefusals(v.recent.pending(tenant), nil), err
	}
	defer v.moving.Release(1)
	stored, err := v.store.Refusals(ctx, tenant)
	return store.MergeRefusals(stored, v.recent.pending(tenant)), err
}

var errTooMuch = errors.New("the store takes no more refusals now")

// Dismiss is that of store.Inventory. It also finds refusals that are not written yet.
func (v *Inventory) Dismiss(ctx context.Context, tenant, origin string, at time.Time) error {
	added, err := v.flushTenants(ctx, []string{tenant})
	if err != nil {
		return err
	}
	err = v.store.Dismiss(ctx, tenant, origin, at)
	if added == 0 && errors.Is(err, store.ErrNotFound) {
		return &store.WriteError{Cause: store.CauseOther, NotMade: true, Err: errTooMuch}
	}
	return err
}

// Run writes new refusals to the store until ctx ends, and then once more.
func (v *Inventory) Run(ctx context.Context) {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			v.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			v.flush(last)
			return
		}
	}
}

// flush writes what is new. What cannot be written stays in memory.
func (v *Inventory) flush(ctx context.Context) {
	tenants := v.recent.waiting()
	for len(tenants) > 0 {
		done, err := v.flushTenants(ctx, tenants)
		if ctx.Err() == nil {
			v.setFailing(err)
		}
		if err != nil || done == 0 {
			return
		}
		tenants = tenants[done:]
	}
}

// flushTenants writes the new refusals of the first tenants, as many as fit into one
// batch. It returns how many tenants it is done with.
func (v *Inventory) flushTenants(ctx context.Context, tenants []string) (done int, err error) {
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	if err := v.moving.Acquire(ctx, wholeSemaphore); err != nil {
		return 0, err
	}
	defer v.moving.Release(wholeSemaphore)
	batch, taken := v.recent.take(tenants, batchSize)
	added := 0
	if len(batch) > 0 {
		added, err = v.store.AddRefusals(ctx, batch)
	}
	if err == nil && added == len(batch) {
		return taken, nil
	}
	v.recent.putBack(batch[added:])
	return added, err
}

// setFailing records whether the last write failed.
func (v *Inventory) setFailing(err error) {
	if before := v.failing.Swap(err != nil); before != (err != nil) && v.report != nil {
		v.report(err)
	}
}

// Status is how well an Inventory is kept.
type Status struct {
	// Dropped is the number of refused requests that were forgotten before they were
	// written, because there were too many origins.
	Dropped uint64
	// Failing says that the last write to the store failed.
	Failing bool
}

// Status returns the current status.
func (v *Inventory) Status() Status { return Status{v.recent.dropped.Load(), v.failing.Load()} }
