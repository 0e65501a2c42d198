package config

// Reloaded returns what next comes to in a process that was started with c, and
// the keys of next that are other than c's and wait for the next start. All the
// rest holds at once.
func (c *Config) Reloaded(next *Config) (in *Config, waiting []string) {
	merged := *next
	fixed := func(key string, same bool, keep func()) {
		if !same {
			waiting = append(waiting, key)
			keep()
		}
	}
	fixed("listen", c.Listen == next.Listen, func() { merged.Listen = c.Listen })
	fixed("tls", c.TLS.same(next.TLS), func() { merged.TLS = c.TLS })
	fixed("admin.listen", c.Admin.Listen == next.Admin.Listen, func() { merged.Admin.Listen = c.Admin.Listen })
	fixed("store", c.Store.same(next.Store), func() { merged.Store = c.Store })
	fixed("cache", c.Cache == next.Cache, func() { merged.Cache = c.Cache })
	// The store was opened with these two.
	fixed("api.limits.integrations", c.API.Limits.Integrations == next.API.Limits.Integrations, func() { merged.API.Limits.Integrations = c.API.Limits.Integrations })
	fixed("api.limits.tenant_origins", c.API.Limits.TenantOrigins == next.API.Limits.TenantOrigins, func() { merged.API.Limits.TenantOrigins = c.API.Limits.TenantOrigins })
	fixed("limits.header_bytes", c.Limits.HeaderBytes == next.Limits.HeaderBytes, func() { merged.Limits.HeaderBytes = c.Limits.HeaderBytes })
	fixed("timeouts.read_header", c.Timeouts.ReadHeader == next.Timeouts.ReadHeader, func() { merged.Timeouts.ReadHeader = c.Timeouts.ReadHeader })
	fixed("timeouts.idle", c.Timeouts.Idle == next.Timeouts.Idle, func() { merged.Timeouts.Idle = c.Timeouts.Idle })
	fixed("log.format", c.Log.Format == next.Log.Format, func() { merged.Log.Format = c.Log.Format })
	fixed("log.access", c.Log.Access == next.Log.Access, func() { merged.Log.Access = c.Log.Access })
	fixed("tracing", c.Tracing.same(next.Tracing), func() { merged.Tracing = c.Tracing })
	return &merged, waiting
}

func (s Store) same(other Store) bool {
	return s.URL.String() == other.URL.String() && s.Create == other.Create && s.Timeout == other.Timeout && s.AcceptReset == other.AcceptReset && s.Etcd == other.Etcd
}
