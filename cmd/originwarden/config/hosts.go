package config

import (
	"errors"
	"net"
	"slices"
	"strings"

	"originwarden/origins"
)

// anyHost, alone in a list of hosts, is every host.
const anyHost = "*"

// Names are the hosts of t, without the "*" that is none.
func (t *Tenant) Names() []string {
	if slices.Contains(t.Hosts, anyHost) {
		return nil
	}
	return t.Hosts
}

// WithoutHosts returns the id of the tenant that has no hosts and does not say
// that it takes every host, or "".
func (c *Config) WithoutHosts() string {
	for _, t := range c.Tenants {
		if len(t.Hosts) == 0 {
			return t.ID
		}
	}
	return ""
}

// OnLoopback reports whether Listen is a loopback address, or a name for one.
func (c *Config) OnLoopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && origins.IsLoopbackName(host)
}

// tenantHosts holds the hosts of the tenant at a path to those of the others.
// rest is the path of the one that takes what nobody has, so far.
func (c *checker) tenantHosts(at string, t *Tenant, taken firsts, rest string) string {
	c.hosts(at+".hosts", t.Hosts, taken)
	if c.broken[at+".hosts"] || c.broken[at] || len(t.Names()) > 0 {
		return rest
	}
	if rest != "" {
		what := "has no hosts"
		if len(t.Hosts) > 0 {
			what = `has the host "*"`
		}
		c.at(at, "%s %s and takes those that nobody has, as %s does%s", at, what, rest, c.onLine(rest))
	}
	return at
}

// hosts brings names into canonical form and reports those that are taken.
func (c *checker) hosts(at string, names []string, taken firsts) {
	for i, name := range names {
		if name == anyHost {
			if len(names) > 1 {
				c.at(element(at, i), `the host "*" stands for all: it is alone in its list`)
			}
			continue
		}
		canonical, err := parseHost(name)
		if err != nil {
			c.at(element(at, i), "the host %s %v", quote(name), err)
			continue
		}
		names[i] = canonical
		c.unique(taken, element(at, i), "host", canonical)
	}
}

// parseHost returns the name of a host as it stands in Host, but without
// brackets, port and a dot at the end.
func parseHost(name string) (string, error) {
	if strings.Contains(strings.TrimPrefix(name, "["), ":") && !strings.HasSuffix(name, "]") {
		return "", errors.New("has a port, which hosts are without")
	}
	if strings.HasSuffix(name, "/") {
		return "", errors.New("has a path: a host is a name")
	}
	const scheme = "https://"
	origin, err := origins.ParseEntry(scheme + name)
	if problem, ok := errors.AsType[*origins.EntryError](err); ok {
		return "", errors.New(problem.Problem)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(origin, scheme), ".")
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), nil
}
