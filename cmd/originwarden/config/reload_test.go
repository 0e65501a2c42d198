package config_test

import (
	"slices"
	"testing"

	"originwarden/cmd/originwarden/config"
)

func TestMerge_KeepsKeysThatNeedRestart(t *testing.T) {
	was := parse(t, oneTenant)
	next := parse(t, "tenants: [{id: b, upstream: 'http://up.example'}]\nlisten: :1\nadmin: {listen: ':2', hosts: [ops.example]}\ndecide: {listen: ':3', dialect: nginx}\nstore: {timeout: 9s}\nhistory: {records: 9}\ncache: {tenants: 9}\n"+
		"api: {limits: {integrations: 9, origins: 8, tenant_origins: 9}}\nlimits: {header_bytes: 9KiB, url_bytes: 9}\ntimeouts: {read_header: 9s, idle: 9s, drain: 9s}\nlog: {level: debug, format: console, access: false}\nmetrics: {tenants: 9}\n")
	got, pending := was.Merge(next)
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
		if _, pending := was.Merge(parse(t, oneTenant+text)); pending != nil {
			t.Errorf("%q: %q need a restart", text, pending)
		}
	}
}
