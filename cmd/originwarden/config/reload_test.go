package config_test

import (
	"errors"
	"slices"
	"testing"

	"originwarden/cmd/originwarden/config"
)

func TestMerge_KeepsKeysThatNeedRestart(t *testing.T) {
	was := parse(t, oneTenant)
	next := parse(t, "tenants: [{id: b, upstream: 'http://up.example'}]\nlisten: :1\nadmin: {listen: ':2', hosts: [ops.example]}\ndecide: {listen: ':3', dialect: nginx}\nstore: {timeout: 9s}\nhistory: {records: 9}\ncache: {tenants: 9}\n"+
		"api: {limits: {integrations: 9, origins: 8, tenant_origins: 9}}\nlimits: {header_bytes: 9KiB, url_bytes: 9}\ntimeouts: {read_header: 9s, idle: 9s, drain: 9s}\nlog: {level: debug, format: console, access: false}\nmetrics: {tenants: 9}\n")
	got, pending, err := was.Merge(next)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"listen", "admin.listen", "decide.listen", "store", "history", "cache", "api.limits.integrations", "api.limits.tenant_origins", "log.format", "log.access"}
	if !slices.Equal(pending, want) {
		t.Errorf("%q need a restart, want %q", pending, want)
	}
	if got.Listen != was.Listen || got.Admin.Listen != was.Admin.Listen || got.Store.Timeout != was.Store.Timeout || got.Cache != was.Cache || got.History != was.History ||
		got.API.Limits.Integrations != was.API.Limits.Integrations || got.API.Limits.TenantOrigins != was.API.Limits.TenantOrigins {
		t.Errorf("keys that need a restart changed: %+v", got)
	}
	if got.Decide != (config.Decide{Dialect: config.Nginx}) {
		t.Errorf("decide %+v, want the new dialect alone", got.Decide)
	}
	if got.Tenants[0].ID != "b" || got.Limits != next.Limits || got.API.Limits.Origins != 8 || got.Timeouts != next.Timeouts || got.Log.Level != next.Log.Level || got.Metrics != next.Metrics || !slices.Equal(got.Admin.Hosts, next.Admin.Hosts) {
		t.Errorf("keys that can be reloaded did not change: %+v", got)
	}
}

func TestMerge_WithoutChanges(t *testing.T) {
	was := parse(t, oneTenant)
	for _, text := range []string{"", "tls: {certs: []}\n", "admin: {hosts: []}\n", "tracing: {otlp: ''}\n", "store: {etcd: {ca: ''}}\n"} {
		if _, pending, err := was.Merge(parse(t, oneTenant+text)); pending != nil || err != nil {
			t.Errorf("%q: %q need a restart, %v", text, pending, err)
		}
	}
}

// Proxies can ask about a tenant's requests only where the gateway listens already.
func TestMerge_WantsUpstreamsUntilProxiesCanAsk(t *testing.T) {
	const decide, withoutUpstream = "decide: {listen: ':9'}\n", "tenants: [{id: a, hosts: [a.example]}, {id: b, hosts: [b.example], upstream: 'http://up.example'}, {id: c, hosts: [c.example]}]\n"
	both := config.Mistakes{{Message: "tenants[0] has no upstream, and decide.listen needs a restart"}, {Message: "tenants[2] has no upstream, and decide.listen needs a restart"}}
	for _, row := range []struct {
		rule, was, next string
		want            config.Mistakes
	}{
		{"decide.listen is added, and upstreams are removed", oneTenant, withoutUpstream + decide, both},
		{"decide.listen is added", oneTenant, oneTenant + decide, nil},
		{"decide.listen changes", oneTenant + decide, withoutUpstream + "decide: {listen: ':8'}\n", nil},
		{"decide.listen stays", oneTenant + decide, withoutUpstream + decide, nil},
		{"decide.listen is removed", withoutUpstream + decide, oneTenant, nil},
	} {
		got, _, err := parse(t, row.was).Merge(parse(t, row.next))
		mistakes, _ := errors.AsType[config.Mistakes](err)
		if !slices.Equal(mistakes, row.want) || (got == nil) != (row.want != nil) || (err == nil) != (row.want == nil) {
			t.Errorf("%s: %v, %v; want %v", row.rule, got, err, row.want)
		}
	}
}
