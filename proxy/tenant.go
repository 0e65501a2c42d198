package proxy

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"

	"originwarden/origins"
	"originwarden/proxy/cors"
	"originwarden/proxy/fields"
	"originwarden/proxy/hosts"
	"originwarden/proxy/observed"
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
	// Upstream is where requests are forwarded to: a URL of http, https, or h2c (HTTP/2
	// without TLS), whose path precedes that of each request; or of unix, whose path is
	// that of a Unix socket. Nil says that another proxy has the requests, and only asks
	// for decisions: what comes here is not forwarded, except to the API.
	Upstream *url.URL
	// HostOfUpstream says that the tenant gets the host of Upstream as Host, not the
	// client's.
	HostOfUpstream bool
	// UpstreamTLS is for an Upstream of https; nil is the system's authorities
	// and no certificate.
	UpstreamTLS *tls.Config
	Mode        Mode
	Policy      origins.Policy
	// CORS is instead of Config.CORS; nil is that. Tenants with the same pointer share
	// what is compiled of it.
	CORS *CORS
	// Debug adds the entry nearest to the origin to the body of a refusal, and to
	// the Exchange. It shows entries to every client.
	Debug bool
	// API answers the paths for which IsAPIPath is true; nil forwards them like any
	// other.
	API http.Handler
	// IsAPIPath reports whether a raw path, which is not decoded, belongs to API. It
	// is required if API is set.
	IsAPIPath func(rawPath string) bool
}

// AnyHost, as the only element of Tenant.Hosts, matches every host that no other
// tenant has.
const AnyHost = hosts.Any

// Directory has more tenants than Config.Tenants. A request that needs one has it
// compiled, and it is kept, so that there may be very many.
type Directory interface {
	hosts.Directory
	// Tenant returns the tenant with an index. Its Hosts are not used.
	Tenant(index int) *Tenant
}

// Mode is what the gateway does about a decision.
type Mode = observed.Mode

// The modes.
const (
	Enforce = observed.Enforce
	Headers = observed.Headers
	Report  = observed.Report
)

// tenant is a Tenant with what is derived from it once.
type tenant struct {
	*Tenant
	apiPolicy origins.Policy
	cors      *cors.Policy
	upstream  *upstream.Upstream
	prefix    string // of all paths, or ""
	host      string // that the tenant gets; "": the client's
	inFlight  *atomic.Int64
	mark      fields.Mark // the request was sent to the tenant
}

// isAPIPath reports whether the API answers the raw path on this tenant's hosts.
func (t *tenant) isAPIPath(path string) bool { return t.API != nil && t.IsAPIPath(path) }

// newTenant returns the tenant of t, with the count and the mark of the
// previous one, which may be nil.
func newTenant(t *Tenant, previous *tenant) *tenant {
	// The API ignores PostFromAnywhere and PublicPaths, which are for the tenant's own
	// paths. It requires no Origin: clients that send none, such as the command line,
	// have a token.
	policy := t.Policy
	policy.PostFromAnywhere, policy.PublicPaths = nil, nil
	policy.RequireOrigin = origins.RequireNone
	if previous != nil {
		return &tenant{Tenant: t, apiPolicy: policy, inFlight: previous.inFlight, mark: previous.mark}
	}
	return &tenant{Tenant: t, apiPolicy: policy, inFlight: new(atomic.Int64), mark: fields.NewMark()}
}

// compileTenant returns the tenant of t. It keeps its count and its mark of the
// previous settings, which may be nil. It is called by one goroutine at a time.
func (s *settings) compileTenant(t *Tenant, previous *settings) *tenant {
	var before *tenant
	if previous != nil {
		before = previous.hosts.UsedByID(t.ID)
	}
	compiled := newTenant(t, before)
	compiled.cors = s.corsOf(t)
	s.setUpstream(compiled, previous)
	return compiled
}

// addTenants compiles the tenants of s, and returns all mistakes in them. Of those in
// the directory, it compiles the ones that requests have needed before.
func (s *settings) addTenants(previous *settings) error {
	from := previous
	s.hosts = hosts.New(s.OnLoopback, func(t *tenant) string { return t.ID }, s.Directory, func(index int) *tenant {
		return s.compileTenant(s.Directory.Tenant(index), from)
	})
	var errs []error
	for i := range s.Tenants {
		errs = append(errs, s.hosts.Add(s.compileTenant(&s.Tenants[i], from), s.Tenants[i].Hosts)...)
	}
	if s.Directory != nil {
		for t := range previous.hosts.Used() {
			s.hosts.ByID(t.ID)
		}
	}
	from = nil // the others have nothing to keep
	return errors.Join(errs...)
}
