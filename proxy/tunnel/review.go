package tunnel

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// ListChanged marks the tenant for Review, because its list may have shrunk.
func (s *Set) ListChanged(tenant string) {
	s.changes.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open[tenant]) > 0 {
		s.changed[tenant] = struct{}{}
		s.wakeReview()
	}
}

// ReviewAll marks every tenant for Review, because IsRefused may have changed.
func (s *Set) ReviewAll() {
	s.changes.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for tenant := range s.open {
		s.changed[tenant] = struct{}{}
	}
	s.wakeReview()
}

func (s *Set) wakeReview() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Review decides again about the open tunnels of every tenant whose list has
// changed, and closes those that would be refused, with 1008, until ctx ends.
// It has to run for as long as tunnels are relayed.
func (s *Set) Review(ctx context.Context) {
	var reviews sync.WaitGroup
	defer reviews.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			for _, tenant := range s.takeChanged() {
				reviews.Go(func() { s.review(ctx, tenant, true) }) // no tenant waits for another's list
			}
		}
	}
}

// takeChanged returns the tenants to be reviewed, each once.
func (s *Set) takeChanged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	tenants := slices.Collect(maps.Keys(s.changed))
	clear(s.changed)
	return tenants
}

// review loads the list if it is no longer cached. An unavailable list refuses, as
// it refuses new handshakes, if it has changed. Otherwise an outage of the store
// closes nothing.
func (s *Set) review(ctx context.Context, tenant string, changed bool) {
	list, err := s.config.List(ctx, tenant)
	if ctx.Err() != nil || err != nil && !changed {
		return
	}
	var ending sync.WaitGroup
	for _, r := range s.openTunnels(tenant) {
		if s.config.IsRefused(tenant, &r.Request, list) {
			ending.Go(func() { r.end(policyViolation, endRevoked) })
		}
	}
	ending.Wait()
}

const (
	reviewInterval = time.Second
	roundTicks     = 30 // intervals in which every tenant is reviewed, unless lists are slow
	maxReviews     = 16 // at a time
)

// ReviewPeriodically decides again about the open tunnels of one tenant after the
// other, in case that a change was not announced, until ctx ends: each second
// about one tenant, or as many as it takes to review each within half a minute.
// It may run beside Review.
func (s *Set) ReviewPeriodically(ctx context.Context) {
	ticks := time.NewTicker(reviewInterval)
	defer ticks.Stop()
	r := rounds{set: s, slots: make(chan struct{}, maxReviews)}
	defer r.reviews.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			r.tick(ctx)
		}
	}
}

// rounds are periodic reviews.
type rounds struct {
	set     *Set
	slots   chan struct{} // one for each review that runs
	reviews sync.WaitGroup
	running sync.Map // tenants; one whose list is slow is not reviewed twice at a time

	left  []string // tenants of this round that are still to come
	share int      // of them at each tick
}

// tick begins the reviews of an interval.
func (r *rounds) tick(ctx context.Context) {
	if len(r.left) == 0 {
		r.left = slices.Collect(maps.Keys(r.set.Counts()))
		r.share = (len(r.left) + roundTicks - 1) / roundTicks
	}
	for range min(r.share, len(r.left)) {
		select {
		case <-ctx.Done():
			return
		case r.slots <- struct{}{}:
			r.begin(ctx, r.left[0])
			r.left = r.left[1:]
		}
	}
}

// begin reviews a tenant in a slot that was taken for it.
func (r *rounds) begin(ctx context.Context, tenant string) {
	r.reviews.Go(func() {
		defer func() { <-r.slots }()
		if _, runs := r.running.LoadOrStore(tenant, true); runs {
			return
		}
		defer r.running.Delete(tenant)
		r.set.review(ctx, tenant, false)
	})
}
