package proxy

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"originwarden/origins"
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
		name = normalizeName(name)
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
	name := HostName(host)
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
func (h *hosts) unknownHost() *problem {
	if h.isLoopbackOnly() {
		return hostNotLoopback
	}
	return tenantUnknown
}

// namesSeveralHosts reports whether r names several hosts. net/http refuses two Host
// lines and removes the only one, but leaves those of HTTP/2, beside :authority
// (RFC 9113, section 8.3.1).
func namesSeveralHosts(r *http.Request) bool {
	lines := r.Header["Host"]
	return len(lines) > 1 || len(lines) == 1 && lines[0] != r.Host
}

// HostName returns the name in a Host header (RFC 9110, section 7.2), in lower case
// and without port, brackets and one trailing dot, or "" if host is not a host.
func HostName(host string) string {
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
	} else if name, port, hasPort = strings.Cut(host, ":"); strings.ContainsFunc(name, isForbidden) {
		return ""
	}
	if hasPort && strings.Trim(port, "0123456789") != "" {
		return ""
	}
	return normalizeName(name)
}

// normalizeName returns the form that HostName returns of a name without port and
// brackets.
func normalizeName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// isForbidden reports whether c is a forbidden domain code point (URL), or not
// ASCII.
func isForbidden(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune(`#%/:<>?@[\]^|`, c)
}
