package tunnel

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"originwarden/origins"
)

// Config configures a Set.
type Config struct {
	// List returns the list of a tenant, within a time limit of its own.
	List func(ctx context.Context, tenant string) (*origins.List, error)
	// IsRefused reports whether a handshake of a tenant would be refused now. The
	// list is nil where it is unavailable.
	IsRefused func(tenant string, request *origins.Request, list *origins.List) bool
}

// Set has the open tunnels of all tenants: connections that were hijacked have no
// deadlines and no server that knows them. It may be used concurrently.
type Set struct {
	config  Config
	mu      sync.Mutex
	open    map[string]map[*relay]struct{} // by tenant
	changed map[string]struct{}            // tenants to be reviewed
	changes atomic.Uint64                  // of lists and settings, also without tunnels
	wake    chan struct{}                  // has room for one
	closing bool
	empty   chan struct{} // closed when none is left after closing
}

// NewSet returns a Set without tunnels.
func NewSet(config Config) *Set {
	return &Set{
		config:  config,
		open:    map[string]map[*relay]struct{}{},
		changed: map[string]struct{}{},
		wake:    make(chan struct{}, 1),
		empty:   make(chan struct{}),
	}
}

// Changes returns a number that differs after each ListChanged and ReviewAll.
func (s *Set) Changes() uint64 { return s.changes.Load() }

// Relay relays t until both directions have ended. It returns how many bytes the
// client and the tenant sent, and why the tunnel ended.
func (s *Set) Relay(t *Tunnel) (received, sent int64, end string) {
	r := newRelay(t)
	if !s.add(r) {
		r.end(goingAway, endShutdown)
	}
	defer s.remove(r)
	if s.isRevoked(t) {
		r.end(policyViolation, endRevoked)
	}
	r.startTimers()
	defer r.stopTimers()
	received, sent = r.run()
	return received, sent, *r.cause.Load()
}

// isRevoked decides again, because the list or the settings may have changed
// between the decision and add. Later changes are not missed. An unavailable list
// refuses only if something has changed: as in a review, an outage of the store
// alone closes nothing.
func (s *Set) isRevoked(t *Tunnel) bool {
	list, err := s.config.List(context.Background(), t.Tenant)
	if err != nil && s.Changes() == t.Changes {
		return false
	}
	return s.config.IsRefused(t.Tenant, &t.Request, list)
}

// add adds r, and reports whether tunnels may still be opened. If not, Close waits for
// r too, which the caller ends.
func (s *Set) add(r *relay) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[r.Tenant] == nil {
		s.open[r.Tenant] = map[*relay]struct{}{}
	}
	s.open[r.Tenant][r] = struct{}{}
	return !s.closing
}

func (s *Set) remove(r *relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open[r.Tenant], r)
	if len(s.open[r.Tenant]) == 0 {
		delete(s.open, r.Tenant)
	}
	s.signalEmpty()
}

// signalEmpty is called with mu held.
func (s *Set) signalEmpty() {
	if !s.closing || len(s.open) > 0 {
		return
	}
	select {
	case <-s.empty:
	default:
		close(s.empty)
	}
}

// openTunnels returns the open tunnels of a tenant.
func (s *Set) openTunnels(tenant string) []*relay {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.open[tenant]))
}

// Counts returns the number of open tunnels by tenant. Tenants without tunnels are
// missing.
func (s *Set) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int, len(s.open))
	for tenant, open := range s.open {
		counts[tenant] = len(open)
	}
	return counts
}

// Close closes all tunnels with 1001, and every one that is opened from now on,
// and returns when none is left or ctx ends.
func (s *Set) Close(ctx context.Context) {
	var ending sync.WaitGroup
	for _, r := range s.beginClosing() {
		ending.Go(func() { r.end(goingAway, endShutdown) })
	}
	ending.Wait()
	select {
	case <-s.empty:
	case <-ctx.Done():
	}
}

func (s *Set) beginClosing() (all []*relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	s.signalEmpty()
	for _, open := range s.open {
		all = slices.AppendSeq(all, maps.Keys(open))
	}
	return all
}
