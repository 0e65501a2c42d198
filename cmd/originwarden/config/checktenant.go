package config

import (
	"net/url"
	"path"
	"strings"
	"time"

	"originwarden/api"
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

const maxTenantID = 64

// IsTenantID reports whether s can be the id of a tenant: it is safe in logs,
// labels and paths.
func IsTenantID(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= maxTenantID && strings.Contains(letters, s[:1]) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(letters+"-_.", r) })
}

// tenantID reports whether id is given and one.
func (c *checker) tenantID(at, id string) bool {
	if _, given := c.places[at]; !given {
		return false
	}
	if !IsTenantID(id) {
		c.at(at, "%s is no tenant id: 1 to %d of A-Z a-z 0-9 - _ . and first a letter or digit", quote(id), maxTenantID)
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
	case api.Owns(p):
		c.at(at, "the path %s is the API's, where nobody may post from anywhere", quote(p))
	}
}

// notInPath tells what is no pchar (RFC 3986, section 3.3), and the percent
// sign.
func notInPath(r rune) bool {
	const punctuation = "/-._~!$&'()*+,;=:@"
	isAlphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !isAlphanumeric && !strings.ContainsRune(punctuation, r)
}
