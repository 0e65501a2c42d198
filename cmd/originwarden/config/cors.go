package config

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"originwarden/origins"
)

// CORS is what a listed origin may do.
type CORS struct {
	Credentials    bool     `yaml:"credentials"`
	Methods        []string `yaml:"methods"`
	RequestHeaders []string `yaml:"request_headers"` // in lower case
	ExposeHeaders  []string `yaml:"expose_headers"`
	MaxAge         Duration `yaml:"max_age"`
}

// TenantCORS has the keys of CORS that a tenant overrides. A nil key is not overridden.
type TenantCORS struct {
	Credentials    *bool     `yaml:"credentials"`
	Methods        []string  `yaml:"methods"`
	RequestHeaders []string  `yaml:"request_headers"` // in lower case
	ExposeHeaders  []string  `yaml:"expose_headers"`
	MaxAge         *Duration `yaml:"max_age"`
}

// Over returns what the origins that are listed by a tenant may do: global, except for
// the keys that the tenant overrides. A nil t overrides none.
func (t *TenantCORS) Over(global CORS) CORS {
	if t == nil {
		return global
	}
	list := func(own, global []string) []string {
		if own != nil { // also an empty one
			return own
		}
		return global
	}
	return CORS{
		Credentials:    *cmp.Or(t.Credentials, &global.Credentials),
		Methods:        list(t.Methods, global.Methods),
		RequestHeaders: list(t.RequestHeaders, global.RequestHeaders),
		ExposeHeaders:  list(t.ExposeHeaders, global.ExposeHeaders),
		MaxAge:         *cmp.Or(t.MaxAge, &global.MaxAge),
	}
}

func (c *checker) checkCORS() {
	c.checkCORSKeys("cors", c.CORS)
	c.checkExposed("cors", c.CORS)
	c.checkTenantCORS(defaultsKey+".cors", c.Defaults.CORS)
	for i := range c.Tenants {
		c.checkTenantCORS(elementPath("tenants", i)+".cors", c.Tenants[i].CORS)
	}
}

func (c *checker) checkTenantCORS(at string, t *TenantCORS) {
	if t == nil {
		return
	}
	c.checkCORSKeys(at, t.Over(CORS{})) // a mistake in a global key is reported once
	if t.ExposeHeaders != nil || t.Credentials != nil {
		c.checkExposed(at, t.Over(c.CORS))
	}
}

// checkCORSKeys checks each key by itself.
func (c *checker) checkCORSKeys(at string, keys CORS) {
	if keys.MaxAge%Duration(time.Second) != 0 {
		c.reportAt(at+".max_age", "%s.max_age is not whole seconds", at)
	}
	for i, method := range keys.Methods {
		path := elementPath(at+".methods", i)
		switch {
		case method == "*" || !origins.IsToken(method):
			c.reportAt(path, "%.80q is not the name of a method", method)
		case slices.Contains([]string{"CONNECT", "TRACE", "TRACK"}, strings.ToUpper(method)): // Fetch, forbidden method
			c.reportAt(path, "the method %s is never forwarded", method)
		}
	}
	for i, header := range keys.RequestHeaders {
		c.checkHeaderName(elementPath(at+".request_headers", i), header)
		keys.RequestHeaders[i] = strings.ToLower(header)
	}
	for i, header := range keys.ExposeHeaders {
		c.checkHeaderName(elementPath(at+".expose_headers", i), header)
	}
}

// checkExposed reports a "*" that exposes nothing (Fetch, section 3.3.3).
func (c *checker) checkExposed(at string, policy CORS) {
	if i := slices.Index(policy.ExposeHeaders, "*"); i >= 0 && policy.Credentials {
		c.reportAt(elementPath(at+".expose_headers", i), `"*" exposes nothing if %s.credentials is true: list the headers by name`, at)
	}
}

func (c *checker) checkHeaderName(path, header string) {
	if !origins.IsToken(header) {
		c.reportAt(path, "%.80q is not the name of a header", header)
	}
}
