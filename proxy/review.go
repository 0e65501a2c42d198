package proxy

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"originwarden/origins"
)

// ListChanged says that the tenant's list may list less than before. It only
// takes a note for Review.
func (g *Gateway) ListChanged(tenant string) {
	s := g.tunnels
	s.changes.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open[tenant]) == 0 {
		return
	}
	s.changed[tenant] = struct{}{}
	s.wakeReview()
}

// Review decides again about the open tunnels of every tenant whose list has
// changed, and closes those that would be refused, with 1008, until ctx ends.
// It has to run for as long as the gateway serves.
func (g *Gateway) Review(ctx context.Context) {
	var reviews sync.WaitGroup
	defer reviews.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.tunnels.wake:
			for _, tenant := range g.tunnels.takeChanged() {
				reviews.Go(func() { g.review(ctx, tenant, true) }) // no tenant waits for another's list
			}
		}
	}
}

// takeChanged returns the tenants whose list may have changed since it was
// called last.
func (s *tunnels) takeChanged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	tenants := slices.Collect(maps.Keys(s.changed))
	clear(s.changed)
	return tenants
}

// review asks for the list although it may not be cached any more. Without one
// the tunnels are refused, as new handshakes are, if the list has changed. When
// nobody says so, an outage of the store closes nothing.
func (g *Gateway) review(ctx context.Context, tenant string, changed bool) {
	list, err := g.lists.List(ctx, tenant)
	if ctx.Err() != nil || err != nil && !changed {
		return
	}
	now := g.tenant(tenant)
	var ending sync.WaitGroup
	for _, t := range g.tunnels.of(tenant) {
		if t.isRefused(now, list) {
			ending.Go(func() { t.end(policyViolation, endRevoked) })
		}
	}
	ending.Wait()
}

// isRefused reports whether the tunnel would be refused by its tenant as that is
// now, where refusals are enforced. A tenant that is gone (nil) refuses
// everything.
func (t *tunnel) isRefused(now *tenant, list *origins.List) bool {
	return now == nil || now.Mode == Enforce && now.Policy.Decide(&t.request, list).Verdict() == origins.Refused
}

const (
	reviewTick = time.Second
	roundTicks = 30 // in which every tenant is reviewed, unless lists are slow
	mostAtOnce = 16 // tenants that are reviewed at a time
)

// ReviewPeriodically decides again about the open tunnels of one tenant after the
// other, in case that a change was told to nobody, until ctx ends: each second
// about one tenant, or as many as it takes to come to each within half a minute.
// It may run beside Review.
func (g *Gateway) ReviewPeriodically(ctx context.Context) {
	ticks := time.NewTicker(reviewTick)
	defer ticks.Stop()
	r := rounds{gateway: g, places: make(chan struct{}, mostAtOnce)}
	defer r.reviews.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			r.goOn(ctx)
		}
	}
}

// rounds are periodic reviews.
type rounds struct {
	gateway *Gateway
	places  chan struct{} // one for each review that runs
	reviews sync.WaitGroup
	running sync.Map // tenants; one whose list is slow is not reviewed beside that

	left  []string // tenants of this round that are still to come
	share int      // of them at each tick
}

// goOn begins the reviews of a tick.
func (r *rounds) goOn(ctx context.Context) {
	if len(r.left) == 0 {
		r.left = slices.Collect(maps.Keys(r.gateway.Tunnels()))
		r.share = (len(r.left) + roundTicks - 1) / roundTicks
	}
	for range min(r.share, len(r.left)) {
		select {
		case <-ctx.Done():
			return
		case r.places <- struct{}{}:
			r.begin(ctx, r.left[0])
			r.left = r.left[1:]
		}
	}
}

// begin reviews a tenant in a place that was taken for it.
func (r *rounds) begin(ctx context.Context, tenant string) {
	r.reviews.Go(func() {
		defer func() { <-r.places }()
		if _, runs := r.running.LoadOrStore(tenant, true); runs {
			return
		}
		defer r.running.Delete(tenant)
		r.gateway.review(ctx, tenant, false)
	})
}
