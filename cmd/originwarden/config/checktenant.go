package config

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"originwarden/origins"
)

func (c *checker) tenants() {
	if len(c.Tenants) == 0 {
		c.at("tenants", "there is no tenant: name one under tenants, or give --upstream")
	}
	ids, hosts, rest := firsts{}, firsts{}, ""
	for i := range c.Tenants {
		t, at := &c.Tenants[i], element("tenants", i)
		c.required(at, "id", "upstream")
		if c.tenantID(at+".id", t.ID) {
			c.unique(ids, at+".id", "tenant id", t.ID)
		}
		rest = c.tenantHosts(at, t, hosts, rest)
		c.publicOrigins(at+".public_origins", t.PublicOrigins)
		c.upstreamTLS(at+".upstream_tls", t)
		c.upstreamCheck(at+".upstream_check", t.UpstreamCheck)
		for j, p := range t.PostFromAnywhere {
			c.exemptPath(element(at+".post_from_anywhere", j), p)
		}
	}
}

func (c *checker) upstreamCheck(at string, check UpstreamCheck) {
	if check.Path == "" {
		return
	}
	if _, err := url.ParseRequestURI(check.Path); err != nil || check.Path[0] != '/' || strings.ContainsAny(check.Path, " #") {
		c.at(at+".path", "%s is no path to ask for, such as /healthz", quote(check.Path))
	}
	if check.Interval < Duration(time.Second) {
		c.at(at+".interval", "%s.interval is below 1s", at)
	}
	if check.Timeout == 0 {
		c.at(at+".timeout", "%s.timeout has to be more than 0", at)
	}
}

// tenantID reports whether id is given and one.
func (c *checker) tenantID(at, id string) bool {
	if _, given := c.places[at]; !given {
		return false
	}
	if !origins.IsTenantID(id) {
		c.at(at, "%s is no tenant id: 1 to %d of A-Z a-z 0-9 - _ . and first a letter or digit", quote(id), origins.MaxTenantIDLength)
		return false
	}
	return true
}

func (c *checker) publicOrigins(at string, entries []string) {
	for i, entry := range entries {
		canonical, err := origins.ParseEntry(entry)
		if err != nil {
			c.at(element(at, i), "%s: %v", quote(entry), err)
			continue
		}
		entries[i] = canonical
	}
}

// exemptPath refuses what no request line would have byte for byte: the path
// that came is compared, not what it decodes to.
func (c *checker) exemptPath(at, p string) {
	clean := path.Clean(p)
	switch {
	case !strings.HasPrefix(p, "/"):
		c.at(at, "the path %s does not begin with a slash", quote(p))
	case p != clean && p != clean+"/":
		c.at(at, "the path %s is not clean: %s is", quote(p), quote(clean))
	case strings.ContainsFunc(p, notInPath):
		c.at(at, "the path %s has characters that no path has, or that have several forms", quote(p))
	case isAPIPath(p):
		c.at(at, "the path %s is the API's, where nobody may post from anywhere", quote(p))
	}
}

// isAPIPath reports whether the API answers a path where a tenant has one: see
// api.Owns.
func isAPIPath(path string) bool {
	return slices.ContainsFunc([]string{"/api/v1/web-integrations", "/api/v1/refused-origins"}, func(owned string) bool {
		return path == owned || strings.HasPrefix(path, owned+"/")
	})
}

// notInPath tells what is no pchar (RFC 3986, section 3.3), and the percent
// sign.
func notInPath(r rune) bool {
	const punctuation = "/-._~!$&'()*+,;=:@"
	isAlphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !isAlphanumeric && !strings.ContainsRune(punctuation, r)
}
