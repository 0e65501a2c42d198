package upstreams_test

import (
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/server/upstreams"
	"originwarden/proxy"
	"testing"
	"testing/synctest"
	"time"
)

func TestTracker_ForgetsOutcomesOfRequests(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte("tenants:\n- {id: asked, upstream: 'http://up.example'}\n"+
		"- {id: unasked, hosts: [u.example], upstream: 'http://up.example'}\n"+
		"- {id: checked, hosts: [c.example], upstream: 'http://up.example', upstream_check: {path: /, interval: 5m, timeout: 5s}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var u upstreams.Tracker
		u.SetTenants(cfg)
		for _, tenant := range []string{"asked", "checked"} {
			u.Observe(&proxy.Exchange{Tenant: tenant, UpstreamCause: "reset"})
		}
		for _, cause := range []string{proxy.CauseClient, proxy.CauseLoop} {
			u.Observe(&proxy.Exchange{Tenant: "unasked", UpstreamCause: cause})
		}
		for _, row := range []struct {
			after time.Duration
			known int
		}{{0, 2}, {59 * time.Second, 2}, {time.Second, 1}, {9 * time.Minute, 1}, {time.Minute, 0}} {
			time.Sleep(row.after)
			u.SetTenants(cfg) // a reload keeps the outcomes
			if up := u.Up(); len(up) != row.known || up["asked"] || up["checked"] {
				t.Errorf("after another %v: got %v, want %d tenants that are down", row.after, up, row.known)
			}
		}
	})
}
