package proxy

import (
	"fmt"

	"originwarden/origins"
	"originwarden/proxy/problem"
	"originwarden/proxy/request"
)

// AnyHost, as the only element of Tenant.Hosts, matches every host that no other
// tenant has.
const AnyHost = "*"

// isDefault reports whether a tenant with these hosts is the default tenant.
func isDefault(hosts []string) bool { return len(hosts) == 0 || len(hosts) == 1 && hosts[0] == AnyHost }

// hosts finds the tenant of a Host.
type hosts struct {
	byID          map[string]*tenant
	byName        map[string]*tenant
	defaultTenant *tenant // of all other hosts; may be nil

	onLoopback bool
}

// add adds the hosts of t, and returns an error for each that another tenant has.
func (h *hosts) add(t *tenant) (taken []error) {
	h.byID[t.ID] = t
	if isDefault(t.Hosts) {
		if h.defaultTenant != nil {
			taken = append(taken, fmt.Errorf("tenants %s and %s are both the default tenant", h.defaultTenant.ID, t.ID))
		}
		h.defaultTenant = t
		return taken
	}
	for _, name := range t.Hosts {
		name = request.NormalizeName(name)
		if other := h.byName[name]; other != nil {
			taken = append(taken, fmt.Errorf("tenants %s and %s both have the host %s", other.ID, t.ID, name))
		}
		h.byName[name] = t
	}
	return taken
}

// find returns the tenant of a Host header's value, or nil, also if that is not a
// host.
func (h *hosts) find(host string) *tenant {
	if t := h.byName[host]; t != nil {
		return t
	}
	name := request.HostName(host)
	switch t := h.byName[name]; {
	case name == "":
		return nil
	case t != nil:
		return t
	case h.isLoopbackOnly() && !origins.IsLoopbackName(name):
		return nil
	}
	return h.defaultTenant
}

// isLoopbackOnly reports whether the default tenant takes only loopback names.
// Otherwise a page could reach a loopback listener by DNS rebinding, under its own
// name. AnyHost accepts that.
func (h *hosts) isLoopbackOnly() bool {
	return h.onLoopback && h.defaultTenant != nil && len(h.defaultTenant.Hosts) == 0
}

// unknownHost returns the response to a host that no tenant has.
func (h *hosts) unknownHost() *problem.Problem {
	if h.isLoopbackOnly() {
		return problem.HostNotLoopback
	}
	return problem.TenantUnknown
}
