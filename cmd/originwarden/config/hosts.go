package config

import (
	"errors"
	"net"
	"slices"
	"strings"

	"originwarden/origins"
)

// anyHost, alone in a list of hosts, means every host.
const anyHost = "*"

// NamedHosts returns the hosts of t, or nil if it takes every host.
func (t *Tenant) NamedHosts() []string {
	if slices.Contains(t.Hosts, anyHost) {
		return nil
	}
	return t.Hosts
}

// PublicOriginsAt returns where browsers see the tenant, in canonical form: its
// PublicOrigins, or else each host with https, and with the scheme and port of
// the gateway's own listener. For a tenant that takes every host, these are
// localhost and 127.0.0.1 at the listener.
func (t *Tenant) PublicOriginsAt(scheme, port string) []string {
	if t.PublicOrigins != nil {
		return t.PublicOrigins
	}
	var public []string
	add := func(origin string) {
		if !slices.Contains(public, origin) {
			public = append(public, origin)
		}
	}
	for _, host := range t.NamedHosts() {
		add(originOf(scheme, host, port))
		add(originOf("https", host, "443"))
	}
	if public == nil {
		add(originOf(scheme, "localhost", port))
		add(originOf(scheme, "127.0.0.1", port))
	}
	return public
}

// originOf returns the canonical form of an origin of http or https with a canonical
// host, which has no brackets.
func originOf(scheme, host, port string) string {
	switch {
	case scheme+port != "http80" && scheme+port != "https443":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return scheme + "://" + host
}

// TenantWithoutHosts returns the id of the tenant that takes every host without
// saying so, or "".
func (c *Config) TenantWithoutHosts() string {
	for _, t := range c.Tenants {
		if len(t.Hosts) == 0 {
			return t.ID
		}
	}
	return ""
}

// ListensOnLoopback reports whether Listen is a loopback address, or a name for one.
func (c *Config) ListensOnLoopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && origins.IsLoopbackName(host)
}

// checkTenantHosts checks the hosts of the tenant at path against those of the
// tenants before it. Only one tenant may take all other hosts.
func (c *checker) checkTenantHosts(path string, t *Tenant, seen pathsByName) {
	c.checkHosts(path+".hosts", t.Hosts, seen)
	if c.isInvalid(path+".hosts") || len(t.NamedHosts()) > 0 {
		return
	}
	if first, isDuplicate := seen[anyHost]; isDuplicate {
		c.reportAt(path, "%s has no hosts of its own, like %s%s: only one tenant can take all other hosts", path, first, c.lineOf(first))
	}
	seen[anyHost] = path
}

// checkHosts brings names into canonical form and reports duplicates.
func (c *checker) checkHosts(path string, names []string, seen pathsByName) {
	for i, name := range names {
		if name == anyHost {
			if len(names) > 1 {
				c.reportAt(elementPath(path, i), `the host "*" stands for all, so it must be the only one`)
			}
			continue
		}
		canonical, err := parseHost(name)
		if err != nil {
			c.reportAt(elementPath(path, i), "the host %.80q %v", name, err)
			continue
		}
		names[i] = canonical
		c.checkUnique(seen, elementPath(path, i), "host", canonical)
	}
}

// parseHost returns a host in the form of the Host header, but without port,
// brackets and a dot at the end.
func parseHost(name string) (string, error) {
	if strings.Contains(strings.TrimPrefix(name, "["), ":") && !strings.HasSuffix(name, "]") {
		return "", errors.New("has a port, or is an IPv6 address without brackets")
	}
	if strings.HasSuffix(name, "/") {
		return "", errors.New("has a path")
	}
	const scheme = "https://"
	origin, err := origins.ParseEntry(scheme + name)
	if problem, ok := errors.AsType[*origins.EntryError](err); ok {
		return "", errors.New(problem.Problem)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(origin, scheme), ".")
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), nil
}
