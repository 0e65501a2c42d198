package config

import (
	"net"
	"slices"

	"originwarden/origins"
)

// Config is everything that can be configured, checked and in canonical form.
// It is not changed after Load.
type Config struct {
	// Listen is where tenants' traffic arrives, as host:port.
	Listen string `yaml:"listen"`
	// TLS is the listener's; without it the gateway speaks plain HTTP.
	TLS TLS `yaml:"tls"`
	// TrustedProxies are the peers whose X-Forwarded-For and -Proto count.
	TrustedProxies []Network `yaml:"trusted_proxies"`
	Admin          Admin     `yaml:"admin"`
	Tenants        []Tenant  `yaml:"tenants"`
	CORS           CORS      `yaml:"cors"`
	Store          Store     `yaml:"store"`
	Cache          Cache     `yaml:"cache"`
	API            API       `yaml:"api"`
	Limits         Limits    `yaml:"limits"`
	Timeouts       Timeouts  `yaml:"timeouts"`
	Log            Log       `yaml:"log"`
	Metrics        Metrics   `yaml:"metrics"`
	Tracing        Tracing   `yaml:"tracing"`
}

// Admin is the operators' own address.
type Admin struct {
	Listen string `yaml:"listen"`
	// Hosts are answered on a loopback address beside loopback names, and
	// elsewhere, if there are any, in the place of every host. They are as those
	// of a Tenant; "*" is every host.
	Hosts []string `yaml:"hosts"`
}

// Tenant is an HTTP API behind the gateway.
type Tenant struct {
	ID string `yaml:"id"`
	// Hosts are in lower case and without ports. One tenant may have none, or
	// "*" alone.
	Hosts []string `yaml:"hosts"`
	// PublicOrigins are in canonical form; nil stands for those of PublicAt.
	PublicOrigins []string `yaml:"public_origins"`
	// Upstream is a scheme and a host.
	Upstream URL  `yaml:"upstream"`
	Mode     Mode `yaml:"mode"`
	// RequireOrigin refuses some requests that have no Origin.
	RequireOrigin Requirement `yaml:"require_origin"`
	// API serves the lists' API on the tenant's hosts.
	API              bool     `yaml:"api"`
	PostFromAnywhere []string `yaml:"post_from_anywhere"`
	// Debug adds the nearest miss to a refusal.
	Debug bool `yaml:"debug"`
	// UpstreamTLS is for an Upstream of https.
	UpstreamTLS UpstreamTLS `yaml:"upstream_tls"`
	// UpstreamCheck asks the upstream from time to time whether it is there.
	UpstreamCheck UpstreamCheck `yaml:"upstream_check"`
}

// UpstreamCheck is a GET that a healthy upstream answers with a status below
// 400.
type UpstreamCheck struct {
	// Path is asked for; "" is no check.
	Path     string   `yaml:"path"`
	Interval Duration `yaml:"interval"`
	Timeout  Duration `yaml:"timeout"`
}

// CORS is what a listed origin may do.
type CORS struct {
	Credentials bool     `yaml:"credentials"`
	Methods     []string `yaml:"methods"`
	// RequestHeaders are in lower case.
	RequestHeaders []string `yaml:"request_headers"`
	ExposeHeaders  []string `yaml:"expose_headers"`
	MaxAge         Duration `yaml:"max_age"`
}

// Store is where the lists are kept.
type Store struct {
	URL StoreURL `yaml:"url"`
	// Create says whether a store is made where there is none.
	Create Creation `yaml:"create"`
	// Timeout ends each call.
	Timeout Duration `yaml:"timeout"`
	// AcceptReset takes a store over that came back empty, older or as another
	// one.
	AcceptReset bool `yaml:"accept_reset"`
	// Etcd is for a URL of etcd.
	Etcd Etcd `yaml:"etcd"`
}

// Cache bounds the lists in memory.
type Cache struct {
	Tenants int `yaml:"tenants"`
	Origins int `yaml:"origins"`
	// Revalidate is how often every list is compared with the store; 0 is never.
	Revalidate Duration `yaml:"revalidate"`
	// MaxStaleness is for how long a list may be unconfirmed; 0 is forever.
	MaxStaleness Duration `yaml:"max_staleness"`
	// SnapshotDir is where the last good lists of a remote store are kept, or "".
	SnapshotDir string `yaml:"snapshot_dir"`
}

// API is who may edit lists, and how much.
type API struct {
	Tokens     []Token    `yaml:"tokens"`
	OIDC       OIDC       `yaml:"oidc"`
	RateLimits RateLimits `yaml:"rate_limits"`
	Limits     APILimits  `yaml:"limits"`
}

// OIDC says which access tokens of an issuer count; see auth.OIDC.
type OIDC struct {
	Issuer      string `yaml:"issuer"` // "": none
	Audience    string `yaml:"audience"`
	TenantClaim string `yaml:"tenant_claim"`
	RoleClaim   string `yaml:"role_claim"`
	AdminRole   string `yaml:"admin_role"`
}

// RateLimits are requests a minute; 0 is no limit. See auth.RateLimits.
type RateLimits struct {
	Tier1  int `yaml:"tier1"`  // reads, of one subject at one tenant
	Tier2  int `yaml:"tier2"`  // writes
	Failed int `yaml:"failed"` // failed authentication, of one client address
}

// Token is a static bearer token, of which only the hash is known.
type Token struct {
	Subject string `yaml:"subject"`
	// Tenant is a tenant's id, or "*" for all.
	Tenant string `yaml:"tenant"`
	Role   Role   `yaml:"role"`
	SHA256 Hash   `yaml:"sha256"`
}

// APILimits bound what the API takes and keeps.
type APILimits struct {
	Integrations  int  `yaml:"integrations"`   // web integrations of a tenant
	Origins       int  `yaml:"origins"`        // entries of a web integration
	TenantOrigins int  `yaml:"tenant_origins"` // entries of a tenant
	Body          Size `yaml:"body"`           // of a request
}

// Limits bound what a client sends.
type Limits struct {
	HeaderBytes Size `yaml:"header_bytes"`
	URLBytes    Size `yaml:"url_bytes"`  // 0: no limit of its own
	BodyBytes   Size `yaml:"body_bytes"` // 0: no limit
	// ConnectionsPerClient is how many one client address may have open, and
	// InFlightPerTenant how many requests a tenant answers at once; 0 is no limit.
	ConnectionsPerClient int `yaml:"connections_per_client"`
	InFlightPerTenant    int `yaml:"in_flight_per_tenant"`
}

// Timeouts of connections and of the way to a tenant; 0 is none.
type Timeouts struct {
	ReadHeader Duration `yaml:"read_header"`
	Idle       Duration `yaml:"idle"`
	// BodyProgress is for each read of a request's body and each write of an
	// answer.
	BodyProgress     Duration `yaml:"body_progress"`
	UpstreamConnect  Duration `yaml:"upstream_connect"`
	UpstreamResponse Duration `yaml:"upstream_response"`
	// WebSocketIdle is how long nothing may pass through a tunnel, and
	// WebSocketLifetime how long it may be open.
	WebSocketIdle     Duration `yaml:"websocket_idle"`
	WebSocketLifetime Duration `yaml:"websocket_lifetime"`
	// ShutdownDelay is how long a gateway that stops goes on accepting after it
	// told that it is not ready, as a part of Drain.
	ShutdownDelay Duration `yaml:"shutdown_delay"`
	// Drain is from the signal to stop until what still runs is cut; 0 cuts at once.
	Drain Duration `yaml:"drain"`
}

// Log is what is written to standard error.
type Log struct {
	Level  Level  `yaml:"level"`
	Format Format `yaml:"format"`
	// Access writes a line for every request.
	Access bool `yaml:"access"`
}

// Metrics is how much is told apart.
type Metrics struct {
	// Tenants is how many tenants have a label of their own.
	Tenants int `yaml:"tenants"`
}

// PublicAt returns where browsers see the tenant, in canonical form: its
// PublicOrigins, or else https with each host, and each host with the scheme
// and port of the gateway's own listener. A tenant that takes every host is
// expected at localhost and 127.0.0.1.
func (t *Tenant) PublicAt(scheme, port string) []string {
	if t.PublicOrigins != nil {
		return t.PublicOrigins
	}
	hosts := t.Names()
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1"}
	}
	var public []string
	for _, host := range hosts {
		entries := []string{scheme + "://" + net.JoinHostPort(host, port)}
		if len(t.Names()) > 0 {
			entries = append(entries, "https://"+net.JoinHostPort(host, "443"))
		}
		for _, entry := range entries {
			// Hosts were parsed so before; what a default port elides comes twice.
			if origin, err := origins.ParseEntry(entry); err == nil && !slices.Contains(public, origin) {
				public = append(public, origin)
			}
		}
	}
	return public
}
