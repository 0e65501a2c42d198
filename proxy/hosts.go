package proxy

import (
	"net/http"

	"originwarden/origins"
)

// AnyHost, alone among the Hosts of a Tenant, is every host that no other tenant
// has.
const AnyHost = "*"

// takesOthers reports whether a tenant of these hosts takes those that no other
// has.
func takesOthers(hosts []string) bool {
	return len(hosts) == 0 || len(hosts) == 1 && hosts[0] == AnyHost
}

// other returns the tenant of a host that none has by name, or nil. On a loopback
// listener a page reaches the gateway by DNS rebinding, with a name of its own:
// there, that tenant has to say that it wants every name.
func (h *hosts) other(name string) *tenant {
	if h.keepsToLoopback() && !origins.IsLoopbackName(name) {
		return nil
	}
	return h.rest
}

func (h *hosts) keepsToLoopback() bool {
	return h.loopbackOnly && h.rest != nil && len(h.rest.Hosts) == 0
}

// unknown is the answer to a host that no tenant has.
func (h *hosts) unknown() *problem {
	if h.keepsToLoopback() {
		return hostNotLoopback
	}
	return tenantUnknown
}

var hostNotLoopback = &problem{status: http.StatusMisdirectedRequest, code: tenantUnknown.code, title: tenantUnknown.title,
	detail: "No tenant has this host. On a loopback address, a tenant without hosts has localhost and 127.0.0.1 only: its operator adds the host to its hosts."}

// HostName returns the name that a Host header has, in lower case and without
// port, brackets and one trailing dot; "" is no host.
func HostName(host string) string { return canonicalHost(host) }
