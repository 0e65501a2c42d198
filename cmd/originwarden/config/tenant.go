package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"originwarden/cmd/originwarden/config/tenantids"
	"originwarden/cmd/originwarden/config/urls"
	"originwarden/origins"
)

func (c *checker) checkTenants() {
	if len(c.Tenants) == 0 {
		c.reportAt("tenants", "there are no tenants: add one under tenants, or use --upstream")
	}
	c.checkDefaults()
	ids, hosts := pathsByName{}, pathsByName{}
	for i := range c.Tenants {
		t, at := &c.Tenants[i], elementPath("tenants", i)
		c.checkForwarding(at, t)
		if t.IsGroup() {
			c.checkTenant(at, t.For(tenantids.Any))
			continue
		}
		if !c.isInvalid(at + ".ids_file") {
			c.checkPresent(at, "id")
		}
		c.checkTenantID(ids, at+".id", t.ID)
		c.setID(i, t)
		c.checkTenantHosts(at, t, hosts)
		c.checkTenant(at, t)
	}
	c.checkGroups(ids, hosts)
}

// checkForwarding reports a tenant without an upstream. If other proxies ask for
// decisions, they may have its requests.
func (c *checker) checkForwarding(path string, t *Tenant) {
	switch {
	case c.Decide.Listen == "":
		c.checkPresent(path, "upstream")
	case t.UpstreamCheck.Path != "" && !c.isSet(path+".upstream"):
		c.reportAt(path+".upstream_check", "%s.upstream_check needs an upstream", path)
	}
}

// setID replaces {id} in the tenant with an index.
func (c *checker) setID(index int, t *Tenant) {
	id := t.ID
	if !origins.IsTenantID(id) {
		id = fmt.Sprint(tenantids.Any, index) // no duplicates of hosts are to follow
	}
	if _, err := t.Upstream.For(id); err != nil {
		at := elementPath("tenants", index) + ".upstream"
		c.reportAt(at, "%s: %v", at, err)
	}
	of := t.For(id)
	of.ID = t.ID
	*t = *of
}

// checkTenant checks what does not depend on other tenants. path is also that of
// the defaults, in which any key may be missing.
func (c *checker) checkTenant(path string, t *Tenant) {
	c.checkPublicOrigins(path+".public_origins", t.PublicOrigins)
	c.checkUpstreamTLS(path+".upstream_tls", t)
	c.checkUpstreamCheck(path+".upstream_check", t.UpstreamCheck)
	for i, p := range t.PostFromAnywhere {
		c.checkExemptPath(elementPath(path+".post_from_anywhere", i), p)
	}
	c.checkPublicPaths(path+".public_paths", t.PublicPaths)
}

func (c *checker) checkTenantID(seen pathsByName, at, id string) {
	switch {
	case !c.isSet(at):
	case !origins.IsTenantID(id):
		c.reportAt(at, "%.80q is not a tenant id (1 to %d of A-Z a-z 0-9 - _ . beginning with a letter or digit)", id, origins.MaxTenantIDLength)
	default:
		c.checkUnique(seen, at, "tenant id", id)
	}
}

func (c *checker) checkPublicOrigins(at string, entries []string) {
	for i, entry := range entries {
		canonical, err := origins.ParseEntry(entry)
		if err != nil {
			c.reportAt(elementPath(at, i), "%.80q: %v", entry, err)
			continue
		}
		entries[i] = canonical
	}
}

func (c *checker) checkUpstreamCheck(at string, check UpstreamCheck) {
	if check.Path == "" {
		return
	}
	if _, err := url.ParseRequestURI(check.Path); err != nil || check.Path[0] != '/' || strings.ContainsAny(check.Path, " #") {
		c.reportAt(at+".path", "%.80q is not a path such as /healthz", check.Path)
	}
	if check.Interval < Duration(time.Second) {
		c.reportAt(at+".interval", "%s.interval is below 1s", at)
	}
	if check.Timeout == 0 {
		c.reportAt(at+".timeout", "%s.timeout must be more than 0", at)
	}
}

// checkExemptPath refuses what never equals the path of a request, which is
// compared byte for byte and not decoded.
func (c *checker) checkExemptPath(at, p string) {
	clean := path.Clean(p)
	switch {
	case !strings.HasPrefix(p, "/"):
		c.reportAt(at, "the path %.80q does not begin with a slash", p)
	case p != clean && p != clean+"/":
		c.reportAt(at, "the path %.80q is not clean: use %.80q", p, clean)
	case strings.ContainsFunc(p, urls.IsNotInPath):
		c.reportAt(at, "the path %.80q has invalid or escaped characters", p)
	case isAPIPath(p):
		c.reportAt(at, "the path %.80q belongs to the API", p)
	}
}

// maxPublicPaths is how many paths a request is compared with.
const maxPublicPaths = 100

func (c *checker) checkPublicPaths(at string, paths []string) {
	if len(paths) > maxPublicPaths {
		c.reportAt(at, "%s has more than %d paths", at, maxPublicPaths)
	}
	for i, p := range paths {
		whole, isPrefix := strings.CutSuffix(p, "*")
		switch {
		case strings.Contains(whole, "*") || isPrefix && !strings.HasSuffix(whole, "/"):
			c.reportAt(elementPath(at, i), "the path %.80q has a * that is not its last segment, as in /assets/*", p)
		case strings.Contains(whole, ";"):
			c.reportAt(elementPath(at, i), "the path %.80q has a semicolon, and is never public", p)
		case strings.Contains(path.Clean(whole), ".."):
			c.reportAt(elementPath(at, i), "the path %.80q has two dots, and is never public", p)
		default:
			c.checkExemptPath(elementPath(at, i), whole)
		}
	}
}

// isAPIPath reports whether the API answers a path on a tenant's host: see
// api.Owns.
func isAPIPath(path string) bool {
	return slices.ContainsFunc([]string{"/api/v1/web-integrations", "/api/v1/web-integration-changes", "/api/v1/refused-origins"}, func(owned string) bool {
		return path == owned || strings.HasPrefix(path, owned+"/")
	})
}
