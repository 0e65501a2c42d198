// Package upstreams knows which tenants' upstreams are up: from the requests that
// were forwarded, and from periodic checks where they are configured. It never
// decides about a request.
package upstreams

import (
	"cmp"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/proxy"
)

// Tracker holds the last known state of each tenant's upstream. The zero value
// has no tenants. It may be used concurrently.
type Tracker struct{ current atomic.Pointer[tenants] }

// tenants are those of a configuration.
type tenants struct {
	single map[string]*state
	groups config.Groups
	// members are the tenants of groups, by index. A state is made when there is a
	// result.
	members []atomic.Pointer[state]
}

// state is the state of one tenant's upstream.
type state struct {
	tenant, upstream string // its id and URL
	last             atomic.Pointer[result]
	// validity is how long the last result is reported as a metric. A failure of
	// the last request is no alarm long after it.
	validity time.Duration
}

func newState(t *config.Tenant) *state {
	return &state{tenant: t.ID, upstream: t.Upstream.String(), validity: validity(t)}
}

// result is what the last request or check found.
type result struct {
	up    bool
	at    time.Time
	cause string // of the failure: one of a fixed set
}

// validity returns for how long a result for the tenant is reported.
func validity(t *config.Tenant) time.Duration {
	const fromRequests = time.Minute
	if t.UpstreamCheck.Path == "" {
		return fromRequests
	}
	return max(fromRequests, 2*time.Duration(t.UpstreamCheck.Interval)+time.Duration(t.UpstreamCheck.Timeout))
}

// SetTenants tracks the tenants of cfg and no others. Results of tenants whose
// upstream is the same as before are kept.
func (t *Tracker) SetTenants(cfg *config.Config) {
	groups := cfg.Groups()
	next := &tenants{single: map[string]*state{}, groups: groups, members: make([]atomic.Pointer[state], groups.Len())}
	for i := range cfg.Tenants {
		if tenant := &cfg.Tenants[i]; !tenant.IsGroup() && tenant.Upstream.URL != nil {
			next.single[tenant.ID] = newState(tenant)
		}
	}
	for old := range t.states() {
		if kept := next.state(old.tenant); kept != nil && kept.upstream == old.upstream {
			kept.last.Store(old.last.Load())
		}
	}
	t.current.Store(next)
}

// state returns the state of a tenant, or nil if there is no such tenant.
func (t *tenants) state(id string) *state {
	if s := t.single[id]; s != nil {
		return s
	}
	index := t.groups.IndexOfID(id)
	if index < 0 {
		return nil
	}
	slot := &t.members[index]
	if slot.Load() == nil {
		slot.CompareAndSwap(nil, newState(t.groups.At(index)))
	}
	return slot.Load()
}

// states returns all states that there are.
func (t *Tracker) states() iter.Seq[*state] {
	return func(yield func(*state) bool) {
		all := t.current.Load()
		if all == nil {
			return
		}
		for _, s := range all.single {
			if !yield(s) {
				return
			}
		}
		for i := range all.members {
			if s := all.members[i].Load(); s != nil && !yield(s) {
				return
			}
		}
	}
}

// Observe records the result of a forwarded request. It costs next to nothing
// while results stay the same.
func (t *Tracker) Observe(x *proxy.Exchange) {
	if x.UpstreamCause == "" && x.UpstreamTime == 0 || x.UpstreamCause == proxy.CauseClient || x.UpstreamCause == proxy.CauseLoop {
		return
	}
	if all := t.current.Load(); all != nil {
		if s := all.state(x.Tenant); s != nil {
			s.record(x.UpstreamCause == "", x.UpstreamCause)
		}
	}
}

// refreshInterval is the least age at which an equal result replaces the last.
const refreshInterval = time.Second

func (s *state) record(up bool, cause string) {
	last := s.last.Load()
	if last != nil && last.up == up && last.cause == cause && time.Since(last.at) < refreshInterval {
		return
	}
	s.last.Store(&result{up, time.Now(), cause})
}

// Up reports, for each tenant with a recent result, whether its upstream was up.
func (t *Tracker) Up() map[string]bool {
	up := map[string]bool{}
	for s := range t.states() {
		if last := s.last.Load(); last != nil && time.Since(last.at) < s.validity {
			up[s.tenant] = last.up
		}
	}
	return up
}

// Status is the state of a tenant's upstream in the response of /readyz.
type Status struct {
	Tenant string `json:"tenant"`
	// Up is null until there is a result.
	Up *bool `json:"up"`
	// Age of the result, in seconds.
	Age float64 `json:"age,omitempty"`
	// Cause is why the upstream is not up.
	Cause string `json:"cause,omitempty"`
}

// maxStatuses bounds the response of /readyz.
const maxStatuses = 100

// Statuses returns the states of at most a hundred tenants' upstreams. Those that are
// down come first, then those without a result. A tenant in a group is left out until
// there is one.
func (t *Tracker) Statuses() []Status {
	var all []Status
	for s := range t.states() {
		status := Status{Tenant: s.tenant}
		if last := s.last.Load(); last != nil {
			status.Up, status.Age, status.Cause = &last.up, time.Since(last.at).Seconds(), last.cause
		}
		all = append(all, status)
	}
	slices.SortFunc(all, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Tenant, b.Tenant))
	})
	return all[:min(len(all), maxStatuses)]
}

func (s Status) rank() int {
	switch {
	case s.Up == nil:
		return 1
	case *s.Up:
		return 2
	}
	return 0
}
