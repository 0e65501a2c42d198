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
	byTenant atomic.Pointer[map[string]*upstream]
}

// upstream is one tenant's.
type upstream struct {
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
// upstream is the same as in before are kept; before may be nil.
func (u *Tracker) SetTenants(before, cfg *config.Config) {
	old, next := u.tenants(), make(map[string]*upstream, len(cfg.Tenants))
	addresses := map[string]string{}
	if before != nil {
		for _, t := range before.Tenants {
			addresses[t.ID] = t.Upstream.String()
		}
	}
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		next[t.ID] = &upstream{validity: validity(t)}
		if kept := old[t.ID]; kept != nil && addresses[t.ID] == t.Upstream.String() {
			next[t.ID].last.Store(kept.last.Load())
		}
	}
	u.byTenant.Store(&next)
}

func (u *Tracker) tenants() map[string]*upstream {
	if all := u.byTenant.Load(); all != nil {
		return *all
	}
	return nil
}

// Observe records the result of a forwarded request. It costs next to nothing
// while results stay the same.
func (u *Tracker) Observe(x *proxy.Exchange) {
	of := u.tenants()[x.Tenant]
	switch {
	case of == nil, x.UpstreamCause == proxy.CauseClient, x.UpstreamCause == proxy.CauseLoop:
	case x.UpstreamCause != "":
		of.record(false, x.UpstreamCause)
	case x.UpstreamTime > 0:
		of.record(true, "")
	}
}

// refreshInterval is the least age at which an equal result replaces the last.
const refreshInterval = time.Second

func (u *upstream) record(up bool, cause string) {
	last := u.last.Load()
	if last != nil && last.up == up && last.cause == cause && time.Since(last.at) < refreshInterval {
		return
	}
	u.last.Store(&result{up, time.Now(), cause})
}

// Up reports, for each tenant with a recent result, whether its upstream was up.
func (u *Tracker) Up() map[string]bool {
	up := map[string]bool{}
	for tenant, of := range u.tenants() {
		if last := of.last.Load(); last != nil && time.Since(last.at) < of.validity {
			up[tenant] = last.up
		}
	}
	return up
}

// Status is a tenant's upstream in the response of /readyz.
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

// Statuses returns at most a hundred tenants' upstreams. Those that are down come
// first, then those without a result.
func (u *Tracker) Statuses() []Status {
	var all []Status
	for tenant, of := range u.tenants() {
		status := Status{Tenant: tenant}
		if last := of.last.Load(); last != nil {
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
