package config

import "reflect"

// Merge returns next with the keys that need a restart set as in c, and the names
// of those that differ.
func (c *Config) Merge(next *Config) (merged *Config, needRestart []string) {
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
	return &kept, needRestart
}
