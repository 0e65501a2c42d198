package config

import (
	"time"

	"go.uber.org/zap/zapcore"
)

// Default returns the defaults. They have no tenant, so a gateway cannot start
// with them alone.
func Default() *Config {
	return &Config{
		Listen:   "127.0.0.1:8080",
		FastLane: true,
		Admin:    Admin{Listen: "127.0.0.1:9090", Console: true},
		Decide:   Decide{Dialect: Envoy},
		Defaults: Tenant{API: true, UpstreamCheck: UpstreamCheck{Interval: Duration(10 * time.Second), Timeout: Duration(2 * time.Second)}},
		CORS: CORS{
			Credentials:    true,
			Methods:        []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
			RequestHeaders: []string{"*"},
			ExposeHeaders: []string{"qlik-csrf-token", "Retry-After", "Location", "Content-Disposition", "qlik-api-version",
				"Deprecation", "Sunset", "Link", "ETag", "Web-Integrations-Revision", "Mcp-Session-Id"},
			MaxAge: Duration(10 * time.Minute),
		},
		Store:   Store{URL: StoreURL{Path: "originwarden.db"}, Timeout: Duration(5 * time.Second)},
		History: History{Records: 1000, Age: Duration(8760 * time.Hour)},
		Cache:   Cache{Tenants: 10_000, Origins: 5_000_000, Revalidate: Duration(30 * time.Second)},
		API: API{
			OIDC:       OIDC{TenantClaim: "tenantId", RoleClaim: "roles", AdminRole: "TenantAdmin"},
			RateLimits: RateLimits{Tier1: 1000, Tier2: 100, Failed: 60},
			Limits:     APILimits{Integrations: 10_000, Origins: 1000, TenantOrigins: 1_000_000, Body: 1 << 20},
		},
		Limits: Limits{HeaderBytes: 32 << 10, URLBytes: 16 << 10},
		Timeouts: Timeouts{
			ReadHeader:       Duration(10 * time.Second),
			Idle:             Duration(90 * time.Second),
			BodyProgress:     Duration(30 * time.Second),
			UpstreamConnect:  Duration(3 * time.Second),
			UpstreamResponse: Duration(60 * time.Second),
			WebSocketIdle:    Duration(10 * time.Minute),
			Drain:            Duration(10 * time.Second),
		},
		Log:     Log{Level: Level(zapcore.InfoLevel), Format: Auto, Access: true},
		Metrics: Metrics{Tenants: 1000},
		Tracing: Tracing{Sample: 1},
	}
}
