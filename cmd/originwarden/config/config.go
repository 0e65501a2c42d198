package config

import (
	"originwarden/cmd/originwarden/config/consolesignin"
	"originwarden/cmd/originwarden/config/tenantids"
)

// Config is the whole configuration, checked and in canonical form. It does not
// change after Load.
type Config struct {
	Listen string `yaml:"listen"` // for tenants' traffic, as host:port
	TLS    TLS    `yaml:"tls"`    // of that listener
	// FastLane: serve regular HTTP/1.1 requests without net/http.
	FastLane bool `yaml:"fast_lane"`
	// TrustedProxies are the peers whose X-Forwarded-For and -Proto count.
	TrustedProxies []Network `yaml:"trusted_proxies"`
	Admin          Admin     `yaml:"admin"`
	Decide         Decide    `yaml:"decide"`
	Defaults       Tenant    `yaml:"defaults"` // each tenant begins as a copy
	Tenants        []Tenant  `yaml:"tenants"`
	CORS           CORS      `yaml:"cors"`
	Store          Store     `yaml:"store"`
	History        History   `yaml:"history"`
	Cache          Cache     `yaml:"cache"`
	API            API       `yaml:"api"`
	Limits         Limits    `yaml:"limits"`
	Timeouts       Timeouts  `yaml:"timeouts"`
	Log            Log       `yaml:"log"`
	Metrics        Metrics   `yaml:"metrics"`
	Tracing        Tracing   `yaml:"tracing"`
}

// Admin is the address for operators.
type Admin struct {
	Listen string `yaml:"listen"`
	// Hosts are the hosts that the admin address serves, besides loopback names;
	// "*" means every host. If the address is not loopback, it also serves IP
	// addresses, and every host if Hosts is empty. They are in lower case and have no
	// ports.
	Hosts   []string             `yaml:"hosts"`
	Console bool                 `yaml:"console"` // serve its pages
	SignIn  consolesignin.SignIn `yaml:"sign_in"` // to the console, by API.OIDC.Issuer
}

// Tenant is an HTTP API behind the gateway, or, with an IDsFile, many that differ only
// in the id: see For.
type Tenant struct {
	ID      string `yaml:"id"`
	IDsFile string `yaml:"ids_file"`
	// ids are those of IDsFile; nil: ID is the only one.
	ids *tenantids.List
	// Hosts are in lower case and without ports. One tenant may have none, or
	// "*" alone.
	Hosts []string `yaml:"hosts"`
	// PublicOrigins are in canonical form; if nil, see PublicOriginsAt.
	PublicOrigins []string    `yaml:"public_origins"`
	Upstream      UpstreamURL `yaml:"upstream"`
	UpstreamHost  HostSource  `yaml:"upstream_host"`
	Mode          Mode        `yaml:"mode"`
	// Patterns says which patterns may be among the tenant's entries.
	Patterns Patterns `yaml:"patterns"`
	// RequireOrigin says which requests are refused without an Origin.
	RequireOrigin    Requirement   `yaml:"require_origin"`
	API              bool          `yaml:"api"` // is served on the tenant's hosts
	PostFromAnywhere []string      `yaml:"post_from_anywhere"`
	PublicPaths      []string      `yaml:"public_paths"` // exact, or ending in /*
	Debug            bool          `yaml:"debug"`        // adds the nearest miss to refusals
	UpstreamTLS      UpstreamTLS   `yaml:"upstream_tls"`
	UpstreamCheck    UpstreamCheck `yaml:"upstream_check"`
	// CORS overrides keys of Config.CORS; see TenantCORS.Over.
	CORS *TenantCORS `yaml:"cors"`
}

// UpstreamCheck is a GET that a healthy upstream answers with a status below
// 400.
type UpstreamCheck struct {
	Path     string   `yaml:"path"` // "": no check
	Interval Duration `yaml:"interval"`
	Timeout  Duration `yaml:"timeout"`
}

// Store is where the lists are stored.
type Store struct {
	URL     StoreURL `yaml:"url"`
	Create  Creation `yaml:"create"`
	Timeout Duration `yaml:"timeout" positive:"true"` // of each call
	// AcceptReset accepts a store that comes back empty, older or as another one.
	AcceptReset bool `yaml:"accept_reset"`
	Etcd        Etcd `yaml:"etcd"`
}

// History is how many changes of a tenant's lists the store keeps.
type History struct {
	Records int      `yaml:"records"` // 0: none
	Age     Duration `yaml:"age"`     // 0: no limit
}

// Cache bounds the lists in memory.
type Cache struct {
	Tenants int `yaml:"tenants" positive:"true"`
	Origins int `yaml:"origins" positive:"true"`
	// Revalidate is how often all lists are compared with the store. 0: never.
	Revalidate   Duration `yaml:"revalidate"`
	MaxStaleness Duration `yaml:"max_staleness"` // of a list; 0: no limit
	SnapshotDir  string   `yaml:"snapshot_dir"`  // for the last good lists of a remote store
}

// API is who may edit lists, and how much.
type API struct {
	Tokens     []Token    `yaml:"tokens"`
	OIDC       OIDC       `yaml:"oidc"`
	RateLimits RateLimits `yaml:"rate_limits"`
	Limits     APILimits  `yaml:"limits"`
}

// OIDC says which access tokens of an issuer are accepted; see auth.OIDC.
type OIDC struct {
	Issuer      string `yaml:"issuer"` // "": no OIDC
	Audience    string `yaml:"audience"`
	TenantClaim string `yaml:"tenant_claim"`
	RoleClaim   string `yaml:"role_claim"`
	AdminRole   string `yaml:"admin_role"`
}

// RateLimits are requests a minute. 0: no limit. See auth.RateLimits.
type RateLimits struct {
	Tier1  int `yaml:"tier1"`  // reads of one subject at one tenant
	Tier2  int `yaml:"tier2"`  // writes of one subject at one tenant
	Failed int `yaml:"failed"` // failed authentications of one client address
}

// Token is a static bearer token, known only by its hash.
type Token struct {
	Subject string `yaml:"subject"`
	Tenant  string `yaml:"tenant"` // a tenant's id, or "*" for all
	Role    Role   `yaml:"role"`
	SHA256  Hash   `yaml:"sha256"`
}

// APILimits bound what the API accepts and stores.
type APILimits struct {
	Integrations  int  `yaml:"integrations" positive:"true"`   // web integrations of a tenant
	Origins       int  `yaml:"origins" positive:"true"`        // entries of a web integration
	TenantOrigins int  `yaml:"tenant_origins" positive:"true"` // entries of a tenant
	Body          Size `yaml:"body" positive:"true"`           // of a request
}

// Limits bound what a client sends.
type Limits struct {
	HeaderBytes Size `yaml:"header_bytes"`
	URLBytes    Size `yaml:"url_bytes"`  // 0: bounded by HeaderBytes alone
	BodyBytes   Size `yaml:"body_bytes"` // 0: no limit
	// ConnectionsPerClient bounds the open connections of one client address, and
	// InFlightPerTenant the concurrent requests of a tenant. 0: no limit.
	ConnectionsPerClient int `yaml:"connections_per_client"`
	InFlightPerTenant    int `yaml:"in_flight_per_tenant"`
}

// Timeouts of connections. 0: no timeout.
type Timeouts struct {
	ReadHeader Duration `yaml:"read_header"`
	Idle       Duration `yaml:"idle"`
	// BodyProgress is for each read of a request's body and each write of a
	// response.
	BodyProgress     Duration `yaml:"body_progress"`
	UpstreamConnect  Duration `yaml:"upstream_connect"`
	UpstreamResponse Duration `yaml:"upstream_response"`
	// WebSocketIdle is how long a tunnel may be silent, and WebSocketLifetime how
	// long it may be open.
	WebSocketIdle     Duration `yaml:"websocket_idle"`
	WebSocketLifetime Duration `yaml:"websocket_lifetime"`
	// ShutdownDelay is how long a stopping gateway still accepts connections after
	// it reported that it is not ready. It is part of Drain.
	ShutdownDelay Duration `yaml:"shutdown_delay"`
	Drain         Duration `yaml:"drain"` // how long a stopping gateway waits for open requests
}

// Log is what is written to standard error.
type Log struct {
	Level  Level  `yaml:"level"`
	Format Format `yaml:"format"`
	Access bool   `yaml:"access"` // a line for every request
}

// Metrics bounds the number of labels.
type Metrics struct {
	Tenants int `yaml:"tenants"` // that have a label of their own
}

// Tracing is where spans are sent, and how many.
type Tracing struct {
	OTLP Collector `yaml:"otlp"` // its zero value: no spans
	// Sample is the share of traces that are sampled, unless a trusted proxy has
	// decided.
	Sample Share `yaml:"sample"`
}
