// Package upstreams knows which tenants' upstreams are up: from the requests that
// were forwarded, and from periodic checks where they are configured. It never
// decides about a request.
package upstreams

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/proxy"
)

// Tracker holds the last known state of each tenant's upstream. The zero value
// has no tenants. It may be used concurrently.
type Tracker struct {
	byTenant atomic.Pointer[map[string]*state]
}

// state is the state of one tenant's upstream.
type state struct {
	last atomic.Pointer[result]
	// validity is how long the last result is reported as a metric. A failure of
	// the last request is no alarm long after it.
	validity time.Duration
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
// upstream is the same as in previous are kept; previous may be nil.
func (t *Tracker) SetTenants(previous, cfg *config.Config) {
	old, next := t.tenants(), make(map[string]*state, len(cfg.Tenants))
	addresses := map[string]string{}
	if previous != nil {
		for _, tenant := range previous.Tenants {
			addresses[tenant.ID] = tenant.Upstream.String()
		}
	}
	for i := range cfg.Tenants {
		tenant := &cfg.Tenants[i]
		s := &state{validity: validity(tenant)}
		if kept := old[tenant.ID]; kept != nil && addresses[tenant.ID] == tenant.Upstream.String() {
			s.last.Store(kept.last.Load())
		}
		next[tenant.ID] = s
	}
	t.byTenant.Store(&next)
}

func (t *Tracker) tenants() map[string]*state {
	if all := t.byTenant.Load(); all != nil {
		return *all
	}
	return nil
}

// Observe records the result of a forwarded request. It costs next to nothing
// while results stay the same.
func (t *Tracker) Observe(x *proxy.Exchange) {
	s := t.tenants()[x.Tenant]
	switch {
	case s == nil, x.UpstreamCause == proxy.CauseClient, x.UpstreamCause == proxy.CauseLoop:
	case x.UpstreamCause != "":
		s.record(false, x.UpstreamCause)
	case x.UpstreamTime > 0:
		s.record(true, "")
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
	for tenant, s := range t.tenants() {
		if last := s.last.Load(); last != nil && time.Since(last.at) < s.validity {
			up[tenant] = last.up
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
// down come first, then those without a result.
func (t *Tracker) Statuses() []Status {
	var all []Status
	for tenant, s := range t.tenants() {
		status := Status{Tenant: tenant}
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
