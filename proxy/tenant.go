package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
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
	// Debug tells in the body of a refusal, and the Exchange, what the list has
	// nearest to the origin. It shows entries to whoever asks.
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

// String is the mode as the configuration has it.
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

// enter counts a request among those in flight, unless there are limit of them
// already; 0 is no limit.
func (t *tenant) enter(limit int64) bool {
	if n := t.inFlight.Add(1); limit > 0 && n > limit {
		t.inFlight.Add(-1)
		return false
	}
	return true
}

// owns reports whether the API answers the raw path on this tenant's hosts.
func (t *tenant) owns(path string) bool { return t.API != nil && t.Owns(path) }

// newTenant returns the tenant of t. Of the tenant that it was before, which may
// be nil, it takes over what is counted and the mark.
func newTenant(t *Tenant, before *tenant) *tenant {
	// What an operator grants or demands for the tenant's own sake is not for
	// the lists: nobody may post to them from anywhere, and command lines, which
	// send no Origin, hold a token.
	policy := t.Policy
	policy.PostFromAnywhere = nil
	policy.RequireOrigin = origins.RequireNone
	if before != nil {
		return &tenant{Tenant: t, apiPolicy: policy, inFlight: before.inFlight, mark: before.mark}
	}
	return &tenant{Tenant: t, apiPolicy: policy, inFlight: new(atomic.Int64), mark: [1]string{newMark()}}
}

// hosts finds the tenant of a Host.
type hosts struct {
	byID   map[string]*tenant
	byName map[string]*tenant
	rest   *tenant // nil: nobody takes the other hosts

	loopbackOnly bool // of the other hosts
}

// addTenants compiles the tenants of s, and returns every mistake in them.
func (s *settings) addTenants(before *settings) error {
	s.hosts = hosts{byID: map[string]*tenant{}, byName: map[string]*tenant{}, loopbackOnly: s.OnLoopback}
	var errs []error
	for i := range s.Tenants {
		t := newTenant(&s.Tenants[i], before.hosts.byID[s.Tenants[i].ID])
		t.upstream = s.upstreamOf(t.Tenant, before)
		errs = append(errs, s.hosts.add(t)...)
	}
	return errors.Join(errs...)
}

// add gives t its hosts, and returns those that others have.
func (h *hosts) add(t *tenant) (taken []error) {
	h.byID[t.ID] = t
	if takesOthers(t.Hosts) {
		if h.rest != nil {
			taken = append(taken, fmt.Errorf("tenants %s and %s both take the hosts that no other has", h.rest.ID, t.ID))
		}
		h.rest = t
		return taken
	}
	for _, name := range t.Hosts {
		name = configuredHost(name)
		if other := h.byName[name]; other != nil {
			taken = append(taken, fmt.Errorf("tenants %s and %s both have the host %s", other.ID, t.ID, name))
		}
		h.byName[name] = t
	}
	return taken
}

// find returns the tenant of a Host header's value, or nil. What is no host at
// all belongs to nobody.
func (h *hosts) find(host string) *tenant {
	if t, ok := h.byName[host]; ok {
		return t
	}
	name := canonicalHost(host)
	if name == "" {
		return nil
	}
	if t, ok := h.byName[name]; ok {
		return t
	}
	return h.other(name)
}

// hasOtherHost reports whether r names several hosts. net/http refuses two Host
// lines and takes away the one; of HTTP/2 it leaves them, beside :authority (RFC
// 9113, section 8.3.1).
func hasOtherHost(r *http.Request) bool {
	lines := r.Header["Host"]
	return len(lines) > 1 || len(lines) == 1 && lines[0] != r.Host
}

// canonicalHost returns the name of a Host (RFC 9110, section 7.2): in lower
// case, without port, brackets and one trailing dot. It is "" of what is none.
func canonicalHost(host string) string {
	name, port, hasPort := host, "", false
	if strings.HasPrefix(host, "[") {
		inner, behind, closed := strings.Cut(host[1:], "]")
		if addr, err := netip.ParseAddr(inner); !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
			return ""
		}
		name = inner
		if behind, port, hasPort = strings.Cut(behind, ":"); behind != "" {
			return ""
		}
	} else if name, port, hasPort = strings.Cut(host, ":"); strings.ContainsFunc(name, isNoHostByte) {
		return ""
	}
	if hasPort && strings.Trim(port, "0123456789") != "" {
		return ""
	}
	return configuredHost(name)
}

// configuredHost is a name as an operator writes it, without port and brackets,
// in the form of canonicalHost.
func configuredHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// isNoHostByte tells what no browser leaves in a host (URL, forbidden domain
// code points).
func isNoHostByte(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune(`#%/:<>?@[\]^|`, c)
}
