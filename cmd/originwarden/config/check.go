package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"originwarden/origins"
)

// checker holds a decoded configuration to what its values have to be, and
// brings them into canonical form.
type checker struct {
	*findings
	*Config
}

func (c *checker) check() {
	c.addresses()
	c.tls()
	c.tenants()
	c.loops()
	c.cors()
	c.tokens()
	c.oidc()
	c.store()
	c.bounds()
}

func (c *checker) addresses() {
	c.address("listen", c.Listen)
	c.address("admin.listen", c.Admin.Listen)
	c.hosts("admin.hosts", c.Admin.Hosts, firsts{})
	if c.Listen == c.Admin.Listen && !strings.HasSuffix(c.Listen, ":0") {
		c.at("admin.listen", "admin.listen is the tenants' address: it has to be one of its own")
	}
}

func (c *checker) address(path, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isPort(port, 0) || !isBindable(host) {
		c.at(path, "%s: %s is no address such as 127.0.0.1:8080 or :8080", path, quote(address))
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

// required reports the keys that the mapping at path lacks.
func (c *checker) required(path string, keys ...string) {
	for _, key := range keys {
		if _, given := c.places[path+"."+key]; !given {
			c.at(path, "%s has no %s", path, key)
		}
	}
}

// firsts remembers where each of some names was used first, which have to be
// different.
type firsts map[string]string

// unique reports name at path if another path has it.
func (c *checker) unique(seen firsts, path, what, name string) {
	if first, taken := seen[name]; taken {
		c.at(path, "the %s %s is that of %s too%s", what, quote(name), first, c.onLine(first))
		return
	}
	seen[name] = path
}

func (c *checker) onLine(path string) string {
	if line := c.places[path].line; line > 0 {
		return " (line " + strconv.Itoa(line) + ")"
	}
	return ""
}

func (c *checker) cors() {
	if c.CORS.MaxAge%Duration(time.Second) != 0 {
		c.at("cors.max_age", "cors.max_age is not whole seconds")
	}
	for i, method := range c.CORS.Methods {
		path := element("cors.methods", i)
		switch {
		case method == "*" || !isToken(method):
			c.at(path, "%s is no method: methods are named one by one", quote(method))
		case isForbidden(method):
			c.at(path, "the method %s is never forwarded", method)
		}
	}
	for i, header := range c.CORS.RequestHeaders {
		c.headerName(element("cors.request_headers", i), header)
		c.CORS.RequestHeaders[i] = strings.ToLower(header)
	}
	for i, header := range c.CORS.ExposeHeaders {
		path := element("cors.expose_headers", i)
		c.headerName(path, header)
		if header == "*" && c.CORS.Credentials {
			c.at(path, `"*" exposes nothing to a credentialed request: headers are named one by one`)
		}
	}
}

// isForbidden tells the methods that no script can send (Fetch, forbidden
// method) and no gateway forwards.
func isForbidden(method string) bool {
	method = strings.ToUpper(method)
	return method == "CONNECT" || method == "TRACE" || method == "TRACK"
}

func (c *checker) headerName(path, header string) {
	if !isToken(header) {
		c.at(path, "%s is no header's name", quote(header))
	}
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func (c *checker) tokens() {
	hashes := firsts{}
	for i, token := range c.API.Tokens {
		path := element("api.tokens", i)
		c.required(path, "subject", "tenant", "role", "sha256")
		if _, given := c.places[path+".subject"]; given && !origins.IsSubject(token.Subject) {
			c.at(path+".subject", "the subject is empty, longer than %d characters, or has a control character", origins.MaxSubjectLength)
		}
		if token.Tenant != "" && token.Tenant != "*" && !c.hasTenant(token.Tenant) {
			c.at(path+".tenant", `there is no tenant %s; "*" stands for all`, quote(token.Tenant))
		}
		if token.SHA256 != (Hash{}) {
			c.sameHash(hashes, path+".sha256", token.SHA256)
		}
	}
}

// isIssuer reports whether issuer is what OpenID Connect Discovery, section 3,
// permits, or http on this machine.
func isIssuer(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && origins.IsSecureURL(issuer) && u.Host != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// oidc holds the issuer to what auth.OIDC fetches keys from.
func (c *checker) oidc() {
	o := c.API.OIDC
	if o.Issuer == "" {
		if o.Audience != "" {
			c.at("api.oidc.audience", "api.oidc has an audience, but no issuer")
		}
		return
	}
	if !isIssuer(o.Issuer) {
		c.at("api.oidc.issuer", "api.oidc.issuer: %s is no URL of https (or of http on this machine) without a query", quote(o.Issuer))
	}
	if o.Audience == "" {
		c.at("api.oidc", "api.oidc has no audience: without one, tokens for anybody else would count")
	}
	for path, value := range map[string]string{"tenant_claim": o.TenantClaim, "role_claim": o.RoleClaim, "admin_role": o.AdminRole} {
		if value == "" {
			c.at("api.oidc."+path, "api.oidc.%s is empty", path)
		}
	}
}

func (c *checker) sameHash(seen firsts, path string, hash Hash) {
	if first, taken := seen[string(hash[:])]; taken {
		c.at(path, "the hash is that of %s too%s", first, c.onLine(first))
		return
	}
	seen[string(hash[:])] = path
}

func (c *checker) hasTenant(id string) bool {
	for _, t := range c.Tenants {
		if t.ID == id {
			return true
		}
	}
	return false
}

// leastHeader leaves room for what browsers send, and for the 4 KiB that
// net/http reads beyond what it is told.
const leastHeader = 8 << 10

func (c *checker) bounds() {
	for path, value := range map[string]int64{
		"store.timeout":             int64(c.Store.Timeout),
		"cache.tenants":             int64(c.Cache.Tenants),
		"cache.origins":             int64(c.Cache.Origins),
		"api.limits.integrations":   int64(c.API.Limits.Integrations),
		"api.limits.origins":        int64(c.API.Limits.Origins),
		"api.limits.tenant_origins": int64(c.API.Limits.TenantOrigins),
		"api.limits.body":           int64(c.API.Limits.Body),
	} {
		if value == 0 {
			c.at(path, "%s has to be more than 0", path)
		}
	}
	if c.Limits.HeaderBytes < leastHeader {
		c.at("limits.header_bytes", "limits.header_bytes is below %d (8KiB)", leastHeader)
	}
	if c.Timeouts.ShutdownDelay > c.Timeouts.Drain {
		c.at("timeouts.shutdown_delay", "timeouts.shutdown_delay is longer than timeouts.drain, of which it is a part")
	}
	if c.API.Limits.TenantOrigins > c.Cache.Origins {
		c.at("api.limits.tenant_origins", "api.limits.tenant_origins (%d) is above cache.origins (%d)", c.API.Limits.TenantOrigins, c.Cache.Origins)
	}
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
