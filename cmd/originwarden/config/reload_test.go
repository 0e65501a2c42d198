package config_test

import (
	"slices"
	"testing"

	"originwarden/cmd/originwarden/config"
)

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestReloaded_KeepsWhatAProcessCannotChange(t *testing.T) {
	was := parsed(t, oneTenant)
	next := parsed(t, "tenants: [{id: b, upstream: 'http://up.example'}]\nlisten: :1\nadmin: {listen: ':2', hosts: [ops.example]}\nstore: {timeout: 9s}\ncache: {tenants: 9}\n"+
		"api: {limits: {integrations: 9, origins: 8, tenant_origins: 9}}\nlimits: {header_bytes: 9KiB, url_bytes: 9}\ntimeouts: {read_header: 9s, idle: 9s, drain: 9s}\nlog: {level: debug, format: console, access: false}\nmetrics: {tenants: 9}\n")
	got, waiting := was.Merge(next)
	want := []string{"listen", "admin.listen", "store", "cache", "api.limits.integrations", "api.limits.tenant_origins", "log.format", "log.access"}
	if !slices.Equal(waiting, want) {
		t.Errorf("%q wait for the next start, want %q", waiting, want)
	}
	if got.Listen != was.Listen || got.Admin.Listen != was.Admin.Listen || got.Store.Timeout != was.Store.Timeout || got.Cache != was.Cache ||
		got.API.Limits.Integrations != was.API.Limits.Integrations || got.API.Limits.TenantOrigins != was.API.Limits.TenantOrigins {
		t.Errorf("what cannot change has: %+v", got)
	}
	if got.Tenants[0].ID != "b" || got.Limits != next.Limits || got.API.Limits.Origins != 8 || got.Timeouts != next.Timeouts || got.Log.Level != next.Log.Level || got.Metrics != next.Metrics || !slices.Equal(got.Admin.Hosts, next.Admin.Hosts) {
		t.Errorf("what can change has not: %+v", got)
	}
}

func TestReloaded_OfTheSameWaitsForNothing(t *testing.T) {
	was := parsed(t, oneTenant)
	for _, text := range []string{"", "tls: {certs: []}\n", "admin: {hosts: []}\n", "tracing: {otlp: ''}\n", "store: {etcd: {ca: ''}}\n"} {
		if _, waiting := was.Merge(parsed(t, oneTenant+text)); waiting != nil {
			t.Errorf("%q: %q wait for the next start", text, waiting)
		}
	}
}
