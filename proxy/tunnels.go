package proxy

import (
	"context"
	"sync"
	"sync/atomic"
)

// tunnels are those that are open, by tenant. Connections that were hijacked
// have no deadlines and no server that knows them.
type tunnels struct {
	mu      sync.Mutex
	tenants map[string]*tenant // as they are now, by id
	open    map[string]map[*tunnel]struct{}
	changed map[string]struct{} // tenants whose list may have changed since their review
	changes atomic.Uint64       // of all lists, also of tenants that have no tunnels
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
	if g.isRevokedMeanwhile(t) {
		t.end(policyViolation, endRevoked)
	}
	t.limit(g.tunnelIdle, g.tunnelLifetime)
	defer t.release()
	return t.relay(early, g.relayed)
}

// isRevokedMeanwhile decides again, because the list may have changed between the
// decision and the entry of the tunnel, from which on a change is not missed. A
// list that cannot be had refuses if any has changed since: as in a review, an
// outage of the store alone closes nothing.
func (g *Gateway) isRevokedMeanwhile(t *tunnel) bool {
	list, err := g.lists.List(context.Background(), t.tenant.ID)
	now := g.tunnels.tenant(t.tenant.ID)
	if err != nil && now == t.tenant && g.tunnels.changes.Load() == t.changes {
		return false
	}
	return t.isRefused(now, list)
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
