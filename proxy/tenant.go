package proxy

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"

	"originwarden/origins"
	"originwarden/proxy/upstream"
)

// Tenant is an HTTP API behind the gateway.
type Tenant struct {
	// ID names the tenant in lists, logs and metrics.
	ID string
	// Hosts are the names, without ports, that select the tenant. One tenant
	// may have none, or AnyHost alone: it takes the hosts that no other has, but
	// without any only loopback names if Config.OnLoopback.
	Hosts []string
	// Upstream is where requests are forwarded to: a scheme and a host.
	Upstream *url.URL
	// UpstreamTLS is for an Upstream of https; nil is the system's authorities
	// and no certificate.
	UpstreamTLS *tls.Config
	Mode        Mode
	Policy      origins.Policy
	// Debug adds the entry nearest to the origin to the body of a refusal, and to
	// the Exchange. It shows entries to every client.
	Debug bool
	// API answers the paths that Owns reports; nil forwards them like any other.
	API http.Handler
	// Owns reports whether API answers a raw path, one that is not decoded. API
	// needs it.
	Owns func(rawPath string) bool
}

// Mode is what the gateway does about a decision.
type Mode uint8

const (
	// Enforce answers refused requests itself.
	Enforce Mode = iota
	// Headers forwards refused requests and leaves out the CORS headers.
	Headers
	// Report forwards everything untouched and only records the decision.
	Report
)

// String returns the mode as the configuration has it.
func (m Mode) String() string {
	switch m {
	case Headers:
		return "headers"
	case Report:
		return "report"
	}
	return "enforce"
}

// tenant is a Tenant with what is derived from it once.
type tenant struct {
	*Tenant
	apiPolicy origins.Policy
	upstream  *upstream.Upstream
	inFlight  *atomic.Int64
	mark      [1]string // of what was sent to it, as a header's lines
}

// startRequest counts a request as in flight, or returns false if there are limit
// of them; 0 is no limit.
func (t *tenant) startRequest(limit int64) bool {
	if n := t.inFlight.Add(1); limit > 0 && n > limit {
		t.inFlight.Add(-1)
		return false
	}
	return true
}

// owns reports whether the API answers the raw path on this tenant's hosts.
func (t *tenant) owns(path string) bool { return t.API != nil && t.Owns(path) }

// newTenant returns the tenant of t, with the count and the mark of the tenant
// before, which may be nil.
func newTenant(t *Tenant, before *tenant) *tenant {
	// The operator's exceptions are for the tenant, not for its lists: no origin
	// may post to them from anywhere, and command lines, which send no Origin, have
	// a token.
	policy := t.Policy
	policy.PostFromAnywhere = nil
	policy.RequireOrigin = origins.RequireNone
	if before != nil {
		return &tenant{Tenant: t, apiPolicy: policy, inFlight: before.inFlight, mark: before.mark}
	}
	return &tenant{Tenant: t, apiPolicy: policy, inFlight: new(atomic.Int64), mark: [1]string{newMark()}}
}

// addTenants compiles the tenants of s, and returns all mistakes in them.
func (s *settings) addTenants(before *settings) error {
	s.hosts = hosts{byID: map[string]*tenant{}, byName: map[string]*tenant{}, onLoopback: s.OnLoopback}
	var errs []error
	for i := range s.Tenants {
		t := newTenant(&s.Tenants[i], before.hosts.byID[s.Tenants[i].ID])
		t.upstream = s.upstreamOf(t.Tenant, before)
		errs = append(errs, s.hosts.add(t)...)
	}
	return errors.Join(errs...)
}
