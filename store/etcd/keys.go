package etcd

import (
	"net/url"
	"strings"
)

// layout makes keys. It is the prefix of all of them, which ends in a slash.
type layout string

func newLayout(prefix string) layout {
	if prefix = strings.Trim(prefix, "/"); prefix == "" {
		return DefaultPrefix
	}
	return layout("/" + prefix + "/")
}

func (l layout) identity() string { return string(l) + "identity" }

func (l layout) head() string { return string(l) + "head" }

func (l layout) tenants() string { return string(l) + "t/" }

func (l layout) tenant(tenant string) string { return l.tenants() + url.PathEscape(tenant) }

func (l layout) integrations() string { return string(l) + "i/" }

// of is what the keys of a tenant's web integrations begin with.
func (l layout) of(tenant string) string { return l.integrations() + url.PathEscape(tenant) + "/" }

// integration ends in the id as it is: whatever it has, it is read as one key
// that begins with what no other tenant's does.
func (l layout) integration(tenant, id string) string { return l.of(tenant) + id }

func (l layout) owner(id string) string { return string(l) + "u/" + id }

// order is what the keys of a tenant's names begin with.
func (l layout) order(tenant string, descending bool) string {
	if descending {
		return string(l) + "d/" + url.PathEscape(tenant) + "/"
	}
	return string(l) + "a/" + url.PathEscape(tenant) + "/"
}

// place is where an entry stands among the tenant's names.
func (l layout) place(tenant string, descending bool, name, id string) string {
	return l.order(tenant, descending) + sortable(descending, name, id)
}

// parseTenant is the reverse of tenant.
func (l layout) parseTenant(key string) (tenant string, ok bool) {
	segment, ok := strings.CutPrefix(key, l.tenants())
	if !ok {
		return "", false
	}
	return unescape(segment)
}

// parseIntegration is the reverse of integration.
func (l layout) parseIntegration(key string) (tenant, id string, ok bool) {
	rest, ok := strings.CutPrefix(key, l.integrations())
	if !ok {
		return "", "", false
	}
	segment, id, ok := strings.Cut(rest, "/")
	if !ok {
		return "", "", false
	}
	tenant, ok = unescape(segment)
	return tenant, id, ok
}

// unescape takes what url.PathEscape writes and nothing else.
func unescape(segment string) (string, bool) {
	s, err := url.PathUnescape(segment)
	return s, err == nil && url.PathEscape(s) == segment
}

// sortable encodes parts so that the order of the results is that of the parts,
// or its reverse: each ends in 00 01, which sorts before whatever continues it,
// and a 00 inside becomes 00 ff. No result begins with another one, so the
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
