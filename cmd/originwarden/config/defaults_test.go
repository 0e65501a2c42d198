package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
)

func TestParse_TenantsInheritDefaults(t *testing.T) {
	const defaults = `defaults:
  hosts: ['{id}.Example.com', 'www.{id}.example.com']
  public_origins: ['https://{id}.portal.example', 'https://shared.example']
  upstream: http://{id}.internal:8080
  mode: report
  api: false
  post_from_anywhere: [/a, /b]
  upstream_check: {path: /up, interval: 5s}
`
	const tenants = `tenants:
- {id: a}
- {id: b, hosts: [b.example], public_origins: [], upstream: 'http://u', mode: enforce, api: true, post_from_anywhere: [/c], upstream_check: {interval: 9s}}
- {id: c, upstream_check: {path: ''}}
`
	for _, text := range []string{defaults + tenants, tenants + defaults} {
		cfg := parse(t, text)
		a, b, c := cfg.Tenants[0], cfg.Tenants[1], cfg.Tenants[2]
		if !slices.Equal(a.Hosts, []string{"a.example.com", "www.a.example.com"}) || !slices.Equal(a.PublicOrigins, []string{"https://a.portal.example", "https://shared.example"}) ||
			a.Upstream.String() != "http://a.internal:8080" || a.Mode != config.Report || a.API || !slices.Equal(a.PostFromAnywhere, []string{"/a", "/b"}) {
			t.Errorf("a: %+v", a)
		}
		if !slices.Equal(b.Hosts, []string{"b.example"}) || b.PublicOrigins == nil || len(b.PublicOrigins) > 0 || b.Upstream.String() != "http://u" ||
			b.Mode != config.Enforce || !b.API || !slices.Equal(b.PostFromAnywhere, []string{"/c"}) {
			t.Errorf("b: %+v", b)
		}
		if !slices.Equal(c.Hosts, []string{"c.example.com", "www.c.example.com"}) || c.Upstream.String() != "http://c.internal:8080" {
			t.Errorf("c: %+v", c)
		}
		second := config.Duration(1e9)
		for i, want := range []config.UpstreamCheck{{Path: "/up", Interval: 5 * second, Timeout: 2 * second}, {Path: "/up", Interval: 9 * second, Timeout: 2 * second}, {Interval: 5 * second, Timeout: 2 * second}} {
			if got := cfg.Tenants[i].UpstreamCheck; got != want {
				t.Errorf("upstream_check of %d: %+v, want %+v", i, got, want)
			}
		}
	}
}

// What a tenant overrides inside a mapping changes no other tenant.
func TestParse_TenantsShareNoDefaults(t *testing.T) {
	cfg := parse(t, `defaults: {upstream: 'http://u', hosts: ['{id}.example'], cors: {credentials: false, methods: [GET], max_age: 1m}, public_paths: [/a/*]}
tenants: [{id: a, cors: {credentials: true, request_headers: [X-A]}}, {id: b, public_paths: []}, {id: c, cors: {methods: [], max_age: 2m}}]
`)
	for i, want := range []string{
		"{true [GET] [x-a] [] 60000000000} [/a/*]", "{false [GET] [] [] 60000000000} []", "{false [] [] [] 120000000000} [/a/*]",
	} {
		if got := fmt.Sprint(cfg.Tenants[i].CORS.Over(config.CORS{}), cfg.Tenants[i].PublicPaths); got != want {
			t.Errorf("tenant %d: got %s, want %s", i, got, want)
		}
	}
}

func TestParse_FlagAddsTenantWithDefaults(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte("defaults: {mode: report}\n"), config.Flag{Name: "upstream", Value: "http://u"})
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Tenants[0]; got.ID != "default" || got.Mode != config.Report || !got.API {
		t.Errorf("got %+v", got)
	}
}

// A mistake in the defaults is reported once, however many tenants inherit it.
func TestParse_ReportsMistakesInDefaultsOnce(t *testing.T) {
	const tenants = "tenants:\n- {id: a, hosts: [a.example]}\n- {id: b, hosts: [b.example]}\n- {id: c, hosts: [c.example], upstream: 'http://u', mode: report}\n"
	for _, c := range []struct{ name, defaults, want string }{
		{"unknown key", "upstream: 'http://u', colour: red", `c.yaml:1: unknown key "colour" in defaults`},
		{"id", "upstream: 'http://u', id: a", "c.yaml:1: id cannot have a default: it is different for each tenant"},
		{"ids_file", "upstream: 'http://u', ids_file: x", "c.yaml:1: ids_file cannot have a default: it is different for each tenant"},
		{"value of another kind", "upstream: 'http://u', api: 1", `c.yaml:1: defaults.api must be true or false, not "1"`},
		{"invalid mode", "upstream: 'http://u', mode: x", `c.yaml:1: defaults.mode: "x" is not one of enforce, headers, report`},
		{"invalid upstream", "upstream: 'ftp://u'", `c.yaml:1: defaults.upstream: "ftp://u" is not a URL such as http://127.0.0.1:3000, h2c://127.0.0.1:50051 or unix:/run/app.sock`},
		{"upstream that is the gateway", "upstream: 'http://localhost:8080'", `c.yaml:1: defaults.upstream: "http://localhost:8080" is the gateway itself: listen is "127.0.0.1:8080"`},
		{"invalid host", "upstream: 'http://u', hosts: ['{id}.x:1']", `c.yaml:1: the host "id.x:1" has a port, or is an IPv6 address without brackets`},
		{"invalid public origin", "upstream: 'http://u', public_origins: [x]", `c.yaml:1: "x": the entry has no scheme: an origin is scheme://host or scheme://host:port`},
		{"invalid path", "upstream: 'http://u', post_from_anywhere: [/ok, x]", `c.yaml:1: the path "x" does not begin with a slash`},
		{"invalid check", "upstream: 'http://u', upstream_check: {path: x}", `c.yaml:1: "x" is not a path such as /healthz`},
		{"invalid public path", "upstream: 'http://u', public_paths: [x]", `c.yaml:1: the path "x" does not begin with a slash`},
		{"invalid cors", "upstream: 'http://u', cors: {methods: [TRACE], expose_headers: ['*']}", "c.yaml:1: the method TRACE is never forwarded\n" +
			`c.yaml:1: "*" exposes nothing if defaults.cors.credentials is true: list the headers by name`},
		{"missing file", "upstream: 'https://u', upstream_tls: {ca: /nowhere}", "c.yaml:1: defaults.upstream_tls: open /nowhere: no such file or directory"},
		{"no upstream", "mode: report", "c.yaml:3: tenants[0] has no upstream\nc.yaml:4: tenants[1] has no upstream"},
		{"not a mapping", "[]", "c.yaml:1: defaults must be a mapping, not a list\nc.yaml:3: tenants[0] has no upstream\nc.yaml:4: tenants[1] has no upstream"},
	} {
		text := "defaults: {" + c.defaults + "}\n" + tenants
		if c.name == "not a mapping" {
			text = "defaults: []\n" + tenants
		}
		if c.name == "missing file" {
			text = strings.Replace(text, "upstream: 'http://u', mode", "upstream: 'https://u', mode", 1)
		}
		if got := strings.Join(parseMistakes(t, text), "\n"); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// What is wrong only together with a tenant's own keys has the tenant's line.
func TestParse_ReportsWhatDefaultsAreWrongFor(t *testing.T) {
	text := "defaults: {hosts: [one.example], upstream: 'https://u', upstream_tls: {server_name: x}}\ntenants:\n- {id: a}\n- {id: b}\n- {id: c, hosts: [c.example], upstream: 'http://u'}\n"
	want := []string{
		`c.yaml:4: duplicate host "one.example", first at tenants[0].hosts[0]`,
		"c.yaml:5: tenants[2].upstream_tls needs an https upstream",
	}
	if got := parseMistakes(t, text); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
