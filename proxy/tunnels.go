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
	open    map[string]map[*tunnel]struct{}
	changed map[string]struct{} // tenants of which the list or the settings may have changed since their review
	changes atomic.Uint64       // of all lists, also of tenants that have no tunnels, and of the settings
	wake    chan struct{}       // has room for one
	closing bool
	empty   chan struct{} // closed when none is left after closing
}

func newTunnels() *tunnels {
	return &tunnels{
		open:    map[string]map[*tunnel]struct{}{},
		changed: map[string]struct{}{},
		wake:    make(chan struct{}, 1),
		empty:   make(chan struct{}),
	}
}

// relay is the life of a tunnel.
func (x *exchange) relay(t *tunnel, early []byte) (received, sent int64) {
	g := x.gateway
	if !g.tunnels.add(t) {
		t.end(goingAway, endShutdown)
	}
	defer g.tunnels.remove(t)
	if g.isRevokedMeanwhile(t) {
		t.end(policyViolation, endRevoked)
	}
	t.limit(x.settings.Timeouts.WebSocketIdle, x.settings.Timeouts.WebSocketLifetime)
	defer t.release()
	return t.relay(early, x.settings.Relayed)
}

// isRevokedMeanwhile decides again, because the list or the settings may have
// changed between the decision and the entry of the tunnel, from which on a change
// is not missed. A list that is unavailable refuses if any has changed since: as in
// a review, an outage of the store alone closes nothing.
func (g *Gateway) isRevokedMeanwhile(t *tunnel) bool {
	list, err := g.lists.List(context.Background(), t.tenant.ID)
	if err != nil && g.tunnels.changes.Load() == t.changes {
		return false
	}
	return t.isRefused(g.tenant(t.tenant.ID), list)
}

// tenant returns the one of that id as it is now, or nil.
func (g *Gateway) tenant(id string) *tenant { return g.settings.Load().hosts.byID[id] }

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

// reviewAll has Review decide again about all tunnels, and about those that open
// by older settings.
func (s *tunnels) reviewAll() {
	s.changes.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.open {
		s.changed[id] = struct{}{}
	}
	s.wakeReview()
}

func (s *tunnels) wakeReview() {
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
