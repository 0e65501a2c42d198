package schema

import (
	"net/url"
	"strings"
)

// Keys makes and parses the keys of one store. Its value is their prefix, which
// ends in a slash.
type Keys string

// NewKeys returns the keys below a prefix, and adds the slashes around the prefix.
// An empty prefix means /originwarden/.
func NewKeys(prefix string) Keys {
	if prefix = strings.Trim(prefix, "/"); prefix == "" {
		prefix = "originwarden"
	}
	return Keys("/" + prefix + "/")
}

// Identity returns the key of the store's identity.
func (k Keys) Identity() string { return string(k) + "identity" }

// Head returns the key that every write puts.
func (k Keys) Head() string { return string(k) + "head" }

// Tenants returns the prefix of the tenants' keys.
func (k Keys) Tenants() string { return string(k) + "t/" }

// Tenant returns the key of a tenant's totals.
func (k Keys) Tenant(tenant string) string { return k.Tenants() + url.PathEscape(tenant) }

func (k Keys) integrations() string { return string(k) + "i/" }

// Integrations returns the prefix of the keys of a tenant's web integrations.
func (k Keys) Integrations(tenant string) string {
	return k.integrations() + url.PathEscape(tenant) + "/"
}

// Integration returns the key of a web integration. The id stands at the end and
// is not escaped: no other tenant's keys begin like this one.
func (k Keys) Integration(tenant, id string) string { return k.Integrations(tenant) + id }

// Owner returns the key of the tenant that has an id.
func (k Keys) Owner(id string) string { return string(k) + "u/" + id }

// Names returns the prefix of the keys of a tenant's names, in ascending or descending order.
func (k Keys) Names(tenant string, descending bool) string {
	if descending {
		return string(k) + "d/" + url.PathEscape(tenant) + "/"
	}
	return string(k) + "a/" + url.PathEscape(tenant) + "/"
}

// Name returns the key of a web integration in the order of the names.
func (k Keys) Name(tenant string, descending bool, name, id string) string {
	return k.Names(tenant, descending) + sortable(descending, name, id)
}

// Gateways returns the prefix of the keys of the gateways' heartbeats.
func (k Keys) Gateways() string { return k.WatchEnd() + "gateways/" }

// Gateway returns the key of a gateway's heartbeat.
func (k Keys) Gateway(name string) string { return k.Gateways() + url.PathEscape(name) }

// ParseTenant is the reverse of Tenant.
func (k Keys) ParseTenant(key string) (tenant string, ok bool) {
	segment, found := strings.CutPrefix(key, k.Tenants())
	tenant, ok = unescape(segment)
	return tenant, found && ok
}

// ParseIntegration is the reverse of Integration.
func (k Keys) ParseIntegration(key string) (tenant, id string, ok bool) {
	rest, found := strings.CutPrefix(key, k.integrations())
	segment, id, complete := strings.Cut(rest, "/")
	tenant, ok = unescape(segment)
	return tenant, id, found && complete && ok
}

// WatchEnd returns the end of the keys that a watch for changes needs. The feed is not
// burdened with what is above: all keys that begin with x/.
func (k Keys) WatchEnd() string { return string(k) + "x/" }

// Refusals returns the key of a tenant's refusals.
func (k Keys) Refusals(tenant string) string {
	return k.WatchEnd() + "refusals/" + url.PathEscape(tenant)
}

// Observed returns the key that has when a tenant was observed.
func (k Keys) Observed(tenant string) string {
	return k.WatchEnd() + "observed/" + url.PathEscape(tenant)
}

// unescape accepts only what url.PathEscape returns.
func unescape(segment string) (string, bool) {
	s, err := url.PathUnescape(segment)
	return s, err == nil && url.PathEscape(s) == segment
}

// sortable encodes parts so that the results have the order of the parts, or its
// reverse. Each part ends in 00 01, which sorts before any continuation; a 00
// inside becomes 00 ff. No result is a prefix of another one, so that the
// complement of the bytes reverses the order.
func sortable(descending bool, parts ...string) string {
	var key []byte
	for _, part := range parts {
		key = append(key, strings.ReplaceAll(part, "\x00", "\x00\xff")...)
		key = append(key, 0x00, 0x01)
	}
	if descending {
		for i := range key {
			key[i] = ^key[i]
		}
	}
	return string(key)
}
