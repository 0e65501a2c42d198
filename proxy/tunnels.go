package proxy

import (
	"context"
	"sync"
	"time"

	"originwarden/origins"
)

// tunnels are those that are open, by tenant. Connections that were hijacked
// have no deadlines and no server that knows them.
type tunnels struct {
	mu      sync.Mutex
	tenants map[string]*tenant // as they are now, by id
	open    map[string]map[*tunnel]struct{}
	changed map[string]struct{} // tenants whose list has changed since their review
	wake    chan struct{}       // has room for one
	closing bool
	empty   chan struct{} // closed when none is left after closing
}

func newTunnels(tenants map[string]*tenant) *tunnels {
	return &tunnels{
		tenants: tenants,
		open:    map[string]map[*tunnel]struct{}{},
		changed: map[string]struct{}{},
		wake:    make(chan struct{}, 1),
		empty:   make(chan struct{}),
	}
}

// relay is the life of a tunnel.
func (g *Gateway) relay(t *tunnel, early []byte) (received, sent int64) {
	if !g.tunnels.add(t) {
		t.end(goingAway, endShutdown)
	}
	defer g.tunnels.remove(t)
	// The list may have changed between the decision and the entry above, from
	// which on a change is not missed. One that cannot be had refuses.
	list, _ := g.lists.List(context.Background(), t.tenant.ID)
	t.review(g.tunnels.tenant(t.tenant.ID), list)
	t.limit(g.tunnelIdle, g.tunnelLifetime)
	defer t.release()
	return t.relay(early, g.relayed)
}

func (s *tunnels) add(t *tunnel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.open[t.tenant.ID]
	if of == nil {
		of = map[*tunnel]struct{}{}
		s.open[t.tenant.ID] = of
	}
	of[t] = struct{}{}
	return !s.closing
}

func (s *tunnels) remove(t *tunnel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.open[t.tenant.ID]
	if delete(of, t); len(of) == 0 {
		delete(s.open, t.tenant.ID)
	}
	s.tellEmpty()
}

// tellEmpty is called with mu held.
func (s *tunnels) tellEmpty() {
	if !s.closing || len(s.open) > 0 {
		return
	}
	select {
	case <-s.empty:
	default:
		close(s.empty)
	}
}

// of returns the open tunnels of a tenant.
func (s *tunnels) of(tenant string) []*tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*tunnel, 0, len(s.open[tenant]))
	for t := range s.open[tenant] {
		all = append(all, t)
	}
	return all
}

// Tunnels returns how many tunnels each tenant has that has any.
func (g *Gateway) Tunnels() map[string]int {
	g.tunnels.mu.Lock()
	defer g.tunnels.mu.Unlock()
	counts := make(map[string]int, len(g.tunnels.open))
	for tenant, of := range g.tunnels.open {
		counts[tenant] = len(of)
	}
	return counts
}

// ListChanged says that the tenant's list may list less than before. It only
// takes a note for Review.
func (g *Gateway) ListChanged(tenant string) {
	s := g.tunnels
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open[tenant]) == 0 {
		return
	}
	s.changed[tenant] = struct{}{}
	select {
	case s.wake <- struct{}{}:
	default:
	}
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
		}
		for _, tenant := range g.tunnels.takeChanged() {
			reviews.Go(func() { g.review(ctx, tenant) }) // no tenant waits for another's list
		}
	}
}

func (s *tunnels) takeChanged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	tenants := make([]string, 0, len(s.changed))
	for tenant := range s.changed {
		tenants = append(tenants, tenant)
	}
	clear(s.changed)
	return tenants
}

// review asks for the list although it may not be cached any more: without one
// the tunnels are refused, as new handshakes are.
func (g *Gateway) review(ctx context.Context, tenant string) {
	list, err := g.lists.List(ctx, tenant)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		list = nil
	}
	now := g.tunnels.tenant(tenant)
	var ending sync.WaitGroup
	for _, t := range g.tunnels.of(tenant) {
		ending.Go(func() { t.review(now, list) })
	}
	ending.Wait()
	if g.lists.Doubted(tenant) {
		// Tunnels make no requests that would have the list read anew.
		time.AfterFunc(doubtInterval, func() { g.ListChanged(tenant) })
	}
}

// doubtInterval is how often the tunnels of a tenant have a doubted list read.
const doubtInterval = time.Second

// review ends a tunnel that would be refused by its tenant as that is now, where
// refusals are enforced. A tenant that is gone (nil) refuses everything.
func (t *tunnel) review(now *tenant, list *origins.List) {
	if now == nil || now.Mode == Enforce && now.Policy.Decide(&t.request, list).Verdict() == origins.Refused {
		t.end(policyViolation, endRevoked)
	}
}

// tenant returns the one of that id as it is now, or nil.
func (s *tunnels) tenant(id string) *tenant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenants[id]
}

// use makes the tunnels those of these tenants, and has all of them decided on
// again.
func (s *tunnels) use(tenants map[string]*tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tenants = tenants
	for id := range s.open {
		s.changed[id] = struct{}{}
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// CloseTunnels closes all tunnels with 1001, and every one that is opened from
// now on, and returns when none is left or ctx ends.
func (g *Gateway) CloseTunnels(ctx context.Context) {
	var ending sync.WaitGroup
	for _, t := range g.tunnels.beginClosing() {
		ending.Go(func() { t.end(goingAway, endShutdown) })
	}
	ending.Wait()
	select {
	case <-g.tunnels.empty:
	case <-ctx.Done():
	}
}

func (s *tunnels) beginClosing() (all []*tunnel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	s.tellEmpty()
	for _, of := range s.open {
		for t := range of {
			all = append(all, t)
		}
	}
	return all
}
