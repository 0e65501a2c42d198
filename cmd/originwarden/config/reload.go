package config

import (
	"fmt"
	"reflect"
)

// Merge returns next with the keys that need a restart set as in c, and the names
// of those that differ. The error is Mistakes: what next may have only after a restart.
func (c *Config) Merge(next *Config) (merged *Config, needRestart []string, err error) {
	kept := *next
	for _, k := range []struct {
		name            string
		current, merged any // pointers to the same field of c and of what is returned
	}{
		{"listen", &c.Listen, &kept.Listen},
		{"tls", &c.TLS, &kept.TLS},
		{"fast_lane", &c.FastLane, &kept.FastLane},
		{"admin.listen", &c.Admin.Listen, &kept.Admin.Listen},
		{"decide.listen", &c.Decide.Listen, &kept.Decide.Listen},
		{"decide.tls", &c.Decide.TLS, &kept.Decide.TLS},
		{"store", &c.Store, &kept.Store},
		{"history", &c.History, &kept.History},
		{"cache", &c.Cache, &kept.Cache},
		// The store was opened with these two limits.
		{"api.limits.integrations", &c.API.Limits.Integrations, &kept.API.Limits.Integrations},
		{"api.limits.tenant_origins", &c.API.Limits.TenantOrigins, &kept.API.Limits.TenantOrigins},
		{"log.format", &c.Log.Format, &kept.Log.Format},
		{"log.access", &c.Log.Access, &kept.Log.Access},
		{"tracing", &c.Tracing, &kept.Tracing},
	} {
		if !reflect.DeepEqual(k.current, k.merged) {
			needRestart = append(needRestart, k.name)
			reflect.ValueOf(k.merged).Elem().Set(reflect.ValueOf(k.current).Elem())
		}
	}
	if mistakes := kept.unforwarded(); mistakes != nil {
		return nil, nil, mistakes
	}
	return &kept, needRestart, nil
}

// unforwarded reports the tenants without an upstream if no proxy can ask about their
// requests. That is so until the restart that decide.listen needs.
func (c *Config) unforwarded() (mistakes Mistakes) {
	if c.Decide.Listen != "" {
		return nil
	}
	for i := range c.Tenants {
		if c.Tenants[i].Upstream.URL == nil {
			mistakes = append(mistakes, Mistake{Message: fmt.Sprintf("%s has no upstream, and decide.listen needs a restart", elementPath("tenants", i))})
		}
	}
	return mistakes
}
