package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"originwarden/cmd/originwarden/config/urls"
	"originwarden/origins"
)

// checker checks a decoded configuration and brings its values into canonical
// form.
type checker struct {
	findings
	*Config
}

func (c *checker) check() {
	c.checkAddresses()
	c.checkTLS()
	c.checkDecide()
	c.checkTenants()
	c.checkLoops()
	c.checkCORS()
	c.checkTokens()
	c.checkOIDC()
	c.checkStore()
	c.checkBounds()
}

// checkPresent reports the keys that the mapping at path lacks.
func (c *checker) checkPresent(path string, keys ...string) {
	for _, key := range keys {
		if !c.isSet(path + "." + key) {
			c.reportAt(path, "%s has no %s", path, key)
		}
	}
}

// pathsByName has the path of the first value with each name.
type pathsByName map[string]string

// checkUnique reports the value at path if another one of its kind has its name.
func (c *checker) checkUnique(seen pathsByName, path, kind, name string) {
	if first, isDuplicate := seen[name]; isDuplicate {
		c.reportAt(path, "duplicate %s %q, first at %s%s", kind, name, first, c.lineOf(first))
		return
	}
	seen[name] = path
}

// lineOf returns the line of a value for a message, or "".
func (c *checker) lineOf(path string) string {
	if line := c.Line(path); line > 0 {
		return " (line " + strconv.Itoa(line) + ")"
	}
	return ""
}

func (c *checker) checkAddresses() {
	c.checkAddress("listen", c.Listen)
	c.checkAddress("admin.listen", c.Admin.Listen)
	c.checkHosts("admin.hosts", c.Admin.Hosts, pathsByName{})
	c.checkDistinct("admin.listen", c.Admin.Listen, "listen", c.Listen)
}

// checkDistinct reports the address at path if it is the one of another key.
func (c *checker) checkDistinct(path, address, otherPath, other string) {
	if address == other && !strings.HasSuffix(address, ":0") {
		c.reportAt(path, "%s is the same address as %s", path, otherPath)
	}
}

func (c *checker) checkAddress(path, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !urls.IsPort(port, 0) || !isBindable(host) {
		c.reportAt(path, "%s: %.80q is not an address such as 127.0.0.1:8080 or :8080", path, address)
	}
}

// isBindable reports whether host is empty, an address or a name.
func isBindable(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return true
	}
	_, err := origins.ParseEntry("http://" + host)
	return err == nil && !strings.ContainsAny(host, "/:")
}

func (c *checker) checkTokens() {
	hashes, groups, tenants := pathsByName{}, c.Groups(), map[string]bool{"*": true}
	for _, t := range c.Tenants {
		tenants[t.ID] = !t.IsGroup()
	}
	for i, token := range c.API.Tokens {
		path := elementPath("api.tokens", i)
		c.checkPresent(path, "subject", "tenant", "role", "sha256")
		if c.isSet(path+".subject") && !origins.IsSubject(token.Subject) {
			c.reportAt(path+".subject", "the subject is empty, longer than %d characters, or has a control character", origins.MaxSubjectLength)
		}
		if c.isSet(path+".tenant") && !tenants[token.Tenant] && groups.IndexOfID(token.Tenant) < 0 {
			c.reportAt(path+".tenant", `there is no tenant %.80q; "*" stands for all`, token.Tenant)
		}
		if token.SHA256 != (Hash{}) {
			c.checkUnique(hashes, path+".sha256", "hash", fmt.Sprintf("%x", token.SHA256))
		}
	}
}

func (c *checker) checkOIDC() {
	o := c.API.OIDC
	c.Admin.SignIn.Check(o.Issuer != "", func(key, problem string) {
		c.reportAt("admin.sign_in."+key, "admin.sign_in.%s %s", key, problem)
	})
	if o.Issuer == "" {
		if o.Audience != "" {
			c.reportAt("api.oidc.audience", "api.oidc has an audience but no issuer")
		}
		return
	}
	switch {
	case isIssuer(o.Issuer):
	case urls.HasUserInfo(o.Issuer):
		c.reportAt("api.oidc.issuer", "api.oidc.issuer: %v", urls.ErrUserInfo)
	default:
		c.reportAt("api.oidc.issuer", "api.oidc.issuer: %.80q is not an https URL without a query (http is for this machine only)", o.Issuer)
	}
	if o.Audience == "" {
		c.reportAt("api.oidc", "api.oidc has no audience: tokens for other services would be accepted")
	}
	for _, k := range []struct{ path, value string }{
		{"api.oidc.tenant_claim", o.TenantClaim}, {"api.oidc.role_claim", o.RoleClaim}, {"api.oidc.admin_role", o.AdminRole},
	} {
		if k.value == "" {
			c.reportAt(k.path, "%s is empty", k.path)
		}
	}
}

// isIssuer reports whether issuer is what OpenID Connect Discovery, section 3,
// permits, or http on this machine.
func isIssuer(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && origins.IsSecureURL(issuer) && u.Host != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// minHeaderBytes is enough for what browsers send, and for the 4 KiB that
// net/http reads beyond its limit.
const minHeaderBytes = 8 << 10

// maxRecords bounds the time to search a tenant's history.
const maxRecords = 100_000

func (c *checker) checkBounds() {
	if c.Limits.HeaderBytes < minHeaderBytes {
		c.reportAt("limits.header_bytes", "limits.header_bytes is below %d (8KiB)", minHeaderBytes)
	}
	if c.History.Records > maxRecords {
		c.reportAt("history.records", "history.records is above %d", maxRecords)
	}
	if c.Timeouts.ShutdownDelay > c.Timeouts.Drain {
		c.reportAt("timeouts.shutdown_delay", "timeouts.shutdown_delay must not be longer than timeouts.drain, which includes it")
	}
	if c.API.Limits.TenantOrigins > c.Cache.Origins {
		c.reportAt("api.limits.tenant_origins", "api.limits.tenant_origins (%d) is above cache.origins (%d)", c.API.Limits.TenantOrigins, c.Cache.Origins)
	}
}
