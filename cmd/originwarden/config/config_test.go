package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/config/consolesignin"
	"originwarden/origins"
)

// oneTenant is the smallest valid configuration.
const oneTenant = "tenants: [{id: a, upstream: 'http://127.0.0.1:3000'}]\n"

func TestParse_SetsDefaults(t *testing.T) {
	for _, text := range []string{
		oneTenant,
		oneTenant + "cors: {}\nstore: {}\ncache: {}\napi: {limits: {}}\nlimits: {}\ntimeouts: {}\nlog: {}\nmetrics: {}\ntracing: {}\nadmin: {}\n",
		oneTenant + "limits: {url_bytes: 16KiB}\ntimeouts: {drain: 10s}\ncors: {max_age: 10m}\napi: {limits: {body: 1MiB}}\n",
	} {
		cfg := parse(t, text)
		tenant := cfg.Tenants[0]
		if tenant.ID != "a" || !tenant.API || tenant.Mode != config.Enforce || tenant.RequireOrigin != config.Requirement(origins.RequireNone) {
			t.Errorf("%q: tenant %+v", text, tenant)
		}
		cfg.Tenants = nil
		if want := config.Default(); !reflect.DeepEqual(cfg, want) {
			t.Errorf("%q: got %+v, want %+v", text, cfg, want)
		}
	}
}

func TestParse_ReadsEveryKey(t *testing.T) {
	cfg := parse(t, `
listen: :8443
fast_lane: false
trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
admin: {listen: "[::1]:9091", console: false, sign_in: {client_id: c, redirect_url: "https://console.example/sign-in/callback"}}
decide: {listen: ":9191", dialect: caddy}
tenants:
  - id: acme
    hosts: [ACME.example.com, bücher.example., "[::1]"]
    public_origins: ["https://Acme.example.com:443/"]
    upstream: https://up.example:8443/base/
    upstream_host: upstream
    mode: headers
    require_origin: unsafe
    api: false
    post_from_anywhere: [/login/callback, /a/]
    public_paths: [/.well-known/jwks.json, /assets/*, /*]
    debug: true
    upstream_tls: {server_name: tenant.internal}
    upstream_check: {path: "/up?x=1", interval: 3s}
    cors: {credentials: true, methods: [], request_headers: [X-Own], expose_headers: [x-seen], max_age: 0s}
cors: {credentials: false, methods: [GET, PURGE], request_headers: [X-Token], expose_headers: ["*"], max_age: 1h30m}
store: {url: "sqlite:/var/lib/lists.db", timeout: 500ms}
history: {records: 7, age: 48h}
cache: {tenants: 3, origins: 2000000, revalidate: 7s, max_staleness: 1h}
api:
  tokens: [{subject: ops, tenant: "*", role: reader, sha256: 0000000000000000000000000000000000000000000000000000000000000012}]
  oidc: {issuer: "https://id.example/realm", audience: lists, tenant_claim: t, role_claim: r, admin_role: a}
  rate_limits: {tier1: 1, tier2: 0, failed: 3}
  limits: {integrations: 1, origins: 2, tenant_origins: 3, body: 4KiB}
limits: {header_bytes: 1 MiB, url_bytes: 0, body_bytes: 2KiB, connections_per_client: 7, in_flight_per_tenant: 8}
timeouts: {read_header: 1s, idle: 0s, body_progress: 6s, upstream_connect: 2s, upstream_response: 3s, websocket_idle: 4s, websocket_lifetime: 5s, drain: 0s}
log: {level: debug, format: console, access: false}
metrics: {tenants: 0}
tracing: {otlp: 'https://collector:4318/', sample: 0.25}
`)
	hash, yes, none := config.Hash{31: 0x12}, true, config.Duration(0)
	want := &config.Config{
		Listen: ":8443", Admin: config.Admin{Listen: "[::1]:9091", SignIn: consolesignin.SignIn{ClientID: "c", RedirectURL: "https://console.example/sign-in/callback"}},
		TrustedProxies: cfg.TrustedProxies,
		Decide:         config.Decide{Listen: ":9191", Dialect: config.Caddy},
		Defaults:       config.Default().Defaults,
		Tenants: []config.Tenant{{
			ID: "acme", Hosts: []string{"acme.example.com", "xn--bcher-kva.example", "::1"},
			PublicOrigins: []string{"https://acme.example.com"}, Upstream: cfg.Tenants[0].Upstream,
			UpstreamHost: config.HostOfUpstream,
			Mode:         config.Headers, RequireOrigin: config.Requirement(origins.RequireUnsafe),
			PostFromAnywhere: []string{"/login/callback", "/a/"},
			PublicPaths:      []string{"/.well-known/jwks.json", "/assets/*", "/*"},
			Debug:            true, UpstreamTLS: config.UpstreamTLS{ServerName: "tenant.internal"},
			UpstreamCheck: config.UpstreamCheck{Path: "/up?x=1", Interval: config.Duration(3 * time.Second), Timeout: config.Duration(2 * time.Second)},
			CORS:          &config.TenantCORS{Credentials: &yes, Methods: []string{}, RequestHeaders: []string{"x-own"}, ExposeHeaders: []string{"x-seen"}, MaxAge: &none},
		}},
		CORS: config.CORS{Methods: []string{"GET", "PURGE"}, RequestHeaders: []string{"x-token"},
			ExposeHeaders: []string{"*"}, MaxAge: config.Duration(90 * time.Minute)},
		Store:   config.Store{URL: config.StoreURL{Path: "/var/lib/lists.db"}, Timeout: config.Duration(500 * time.Millisecond)},
		History: config.History{Records: 7, Age: config.Duration(48 * time.Hour)},
		Cache:   config.Cache{Tenants: 3, Origins: 2_000_000, Revalidate: config.Duration(7 * time.Second), MaxStaleness: config.Duration(time.Hour)},
		API: config.API{
			Tokens: []config.Token{{Subject: "ops", Tenant: "*", Role: config.RoleReader, SHA256: hash}},
			OIDC:   config.OIDC{Issuer: "https://id.example/realm", Audience: "lists", TenantClaim: "t", RoleClaim: "r", AdminRole: "a"},

			RateLimits: config.RateLimits{Tier1: 1, Failed: 3},
			Limits:     config.APILimits{Integrations: 1, Origins: 2, TenantOrigins: 3, Body: 4096},
		},
		Limits: config.Limits{HeaderBytes: 1 << 20, BodyBytes: 2048, ConnectionsPerClient: 7, InFlightPerTenant: 8},
		Timeouts: config.Timeouts{ReadHeader: config.Duration(time.Second), BodyProgress: config.Duration(6 * time.Second), UpstreamConnect: config.Duration(2 * time.Second),
			UpstreamResponse: config.Duration(3 * time.Second), WebSocketIdle: config.Duration(4 * time.Second), WebSocketLifetime: config.Duration(5 * time.Second)},
		Log:     config.Log{Level: -1, Format: config.Console},
		Tracing: config.Tracing{OTLP: cfg.Tracing.OTLP, Sample: 0.25},
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
	if got := cfg.Tracing.OTLP.String(); got != "https://collector:4318" {
		t.Errorf("collector %s", got)
	}
	if got := cfg.Tenants[0].Upstream.String(); got != "https://up.example:8443/base" {
		t.Errorf("upstream %s", got)
	}
	if got := []string{cfg.TrustedProxies[0].String(), cfg.TrustedProxies[1].String()}; !slices.Equal(got, []string{"10.0.0.0/8", "2001:db8::/32"}) {
		t.Errorf("trusted proxies %s", got)
	}
}

func TestTenant_PublicOriginsAt(t *testing.T) {
	for _, c := range []struct {
		name         string
		tenant       config.Tenant
		scheme, port string
		want         []string
	}{
		{"host over https and at the listener", config.Tenant{Hosts: []string{"a.example"}}, "http", "8080",
			[]string{"http://a.example:8080", "https://a.example"}},
		{"default port is omitted", config.Tenant{Hosts: []string{"a.example"}}, "http", "80",
			[]string{"http://a.example", "https://a.example"}},
		{"same origin only once", config.Tenant{Hosts: []string{"a.example"}}, "https", "443",
			[]string{"https://a.example"}},
		{"IPv6 host has brackets", config.Tenant{Hosts: []string{"::1"}}, "http", "8080",
			[]string{"http://[::1]:8080", "https://[::1]"}},
		{"tenant without hosts is local", config.Tenant{}, "http", "8080",
			[]string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		{"tenant with host * is local", config.Tenant{Hosts: []string{"*"}}, "http", "8080",
			[]string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		{"configured public origins only", config.Tenant{Hosts: []string{"a.example"}, PublicOrigins: []string{"https://b.example"}}, "http", "80",
			[]string{"https://b.example"}},
		{"configured empty public origins", config.Tenant{Hosts: []string{"a.example"}, PublicOrigins: []string{}}, "http", "80", []string{}},
	} {
		if got := c.tenant.PublicOriginsAt(c.scheme, c.port); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTenantCORS_OverridesKeyByKey(t *testing.T) {
	global := "cors: {credentials: false, methods: [GET, PUT], request_headers: [x-a], expose_headers: [x-b], max_age: 1m}\n"
	for _, c := range []struct{ name, cors, want string }{
		{"no key", "{}", "{false [GET PUT] [x-a] [x-b] 60000000000}"},
		{"credentials", "{credentials: true}", "{true [GET PUT] [x-a] [x-b] 60000000000}"},
		{"methods", "{methods: [PURGE]}", "{false [PURGE] [x-a] [x-b] 60000000000}"},
		{"request_headers, in lower case", "{request_headers: [X-C]}", "{false [GET PUT] [x-c] [x-b] 60000000000}"},
		{"expose_headers", `{expose_headers: ["*"]}`, "{false [GET PUT] [x-a] [*] 60000000000}"},
		{"max_age", "{max_age: 0s}", "{false [GET PUT] [x-a] [x-b] 0}"},
		{"empty lists", "{methods: [], request_headers: [], expose_headers: []}", "{false [] [] [] 60000000000}"},
		{"all keys", "{credentials: true, methods: [GET], request_headers: [x-d], expose_headers: [x-e], max_age: 2m}", "{true [GET] [x-d] [x-e] 120000000000}"},
	} {
		for _, text := range []string{"tenants: [{id: a, upstream: 'http://u', cors: " + c.cors + "}]\n" + global, global + "tenants: [{id: a, upstream: 'http://u', cors: " + c.cors + "}]\n"} {
			cfg := parse(t, text)
			if got := fmt.Sprint(cfg.Tenants[0].CORS.Over(cfg.CORS)); got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
		}
	}
	cfg := parse(t, "tenants: [{id: a, upstream: 'http://u'}]\n")
	if tenant := cfg.Tenants[0]; tenant.CORS != nil || !reflect.DeepEqual(tenant.CORS.Over(cfg.CORS), cfg.CORS) {
		t.Errorf("a tenant without cors has %+v", tenant.CORS)
	}
}

func TestParse_KeepsEmptyPublicOrigins(t *testing.T) {
	cfg := parse(t, "tenants: [{id: a, upstream: 'http://u', public_origins: []}]")
	if cfg.Tenants[0].PublicOrigins == nil {
		t.Error("an empty list of public origins became nil")
	}
}

func TestLoad_FlagsOverrideFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "listen: :1\nadmin: {listen: ':2'}\nstore: {url: 'sqlite:file.db'}\ntenants: [{id: acme, hosts: [h.example], mode: report, upstream: 'http://file'}]"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := summarize(cfg); got != ":1 :2 file.db acme http://file report" {
		t.Errorf("without flags: %s", got)
	}
	cfg, err = config.Load(file, config.Flag{"listen", ":3"}, config.Flag{"admin-listen", ":4"}, config.Flag{"store", "sqlite:flag.db"},
		config.Flag{"upstream", "http://flag"}, config.Flag{"mode", "headers"})
	if err != nil {
		t.Fatal(err)
	}
	if got := summarize(cfg); got != ":3 :4 flag.db acme http://flag headers" {
		t.Errorf("with flags: %s", got)
	}
}

func TestLoad_CreatesTenantForUpstreamFlag(t *testing.T) {
	cfg, err := config.Load("", config.Flag{"mode", "report"}, config.Flag{"upstream", "http://flag"})
	if err != nil {
		t.Fatal(err)
	}
	if got := summarize(cfg); got != "127.0.0.1:8080 127.0.0.1:9090 originwarden.db default http://flag report" {
		t.Error(got)
	}
	if tenant := cfg.Tenants[0]; len(tenant.Hosts) != 0 || !tenant.API {
		t.Errorf("tenant %+v", tenant)
	}
}

func TestParse_RefusesAPIPathsInExemptAndPublicPaths(t *testing.T) {
	for _, path := range []string{
		"/api/v1/web-integrations", "/api/v1/web-integrations/", "/api/v1/web-integrations/x/y", "/api/v1/refused-origins", "/api/v1/refused-origins/x", "/api/v1/web-integration-changes", "/api/v1/web-integration-changes/x",
		"/api/v1/web-integrationss", "/api/v1/refused-originss", "/api/v1/web-integration-changess", "/api/v1", "/api/v1/", "/API/v1/web-integrations", "/x/api/v1/web-integrations",
	} {
		for _, key := range []string{"post_from_anywhere", "public_paths"} {
			_, err := config.Parse("c.yaml", []byte("tenants: [{id: a, upstream: 'http://u', "+key+": ["+path+"]}]"))
			if owned := api.Owns(path); (err != nil) != owned {
				t.Errorf("%s: %s: owned by the API %v, error %v", key, path, owned, err)
			}
		}
	}
}

func summarize(cfg *config.Config) string {
	t, modes := cfg.Tenants[0], map[config.Mode]string{config.Enforce: "enforce", config.Headers: "headers", config.Report: "report"}
	return strings.Join([]string{cfg.Listen, cfg.Admin.Listen, cfg.Store.URL.Path, t.ID, t.Upstream.String(), modes[t.Mode]}, " ")
}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// parseMistakes returns the lines of Parse's error.
func parseMistakes(t *testing.T, text string, flags ...config.Flag) []string {
	t.Helper()
	cfg, err := config.Parse("c.yaml", []byte(text), flags...)
	if err == nil {
		return nil
	}
	if cfg != nil {
		t.Error("Parse returned a configuration and an error")
	}
	if _, ok := errors.AsType[config.Mistakes](err); !ok {
		t.Errorf("error of type %T, want config.Mistakes", err)
	}
	return strings.Split(err.Error(), "\n")
}

func TestParse_ReadsUpstreams(t *testing.T) {
	for text, want := range map[string]string{
		"http://up.example":           "http://up.example",
		"http://up.example/":          "http://up.example",
		"http://up.example/base":      "http://up.example/base",
		"http://up.example/base/":     "http://up.example/base",
		"https://up.example:8443/a/b": "https://up.example:8443/a/b",
		"http://[::1]:3000/~a;v=1":    "http://[::1]:3000/~a;v=1",
		"h2c://127.0.0.1:50051":       "h2c://127.0.0.1:50051",
		"h2c://grpc.internal/base":    "h2c://grpc.internal/base",
		"unix:/run/app.sock":          "unix:/run/app.sock",
		"unix:///run/app.sock":        "unix:/run/app.sock",
	} {
		cfg := parse(t, "tenants: [{id: a, upstream: '"+text+"'}]")
		if got := cfg.Tenants[0].Upstream.String(); got != want {
			t.Errorf("%s is read as %s, want %s", text, got, want)
		}
	}
}
