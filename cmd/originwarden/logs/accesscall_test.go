package logs_test

import (
	"fmt"
	"testing"

	"originwarden/api"
	"originwarden/cmd/originwarden/config"
	"originwarden/origins"
	"originwarden/proxy"
)

func TestAccessLog_WarnsOfUnavailableAPI(t *testing.T) {
	call := func(status int, code string, change *api.Diff) proxy.Exchange {
		return proxy.Exchange{Verdict: origins.Allowed, Reason: "listed", API: true, Status: status,
			Attached: &api.Outcome{Status: status, Code: code, Call: api.Call{Diff: change}}}
	}
	change := &api.Diff{Name: "n"}
	for _, row := range []struct {
		exchange proxy.Exchange
		access   string // logged if access is true
		without  string // logged if access is false
	}{
		{call(200, "", nil), "allowed listed info", ""},
		{call(201, "", change), "allowed listed info", "allowed listed info"},
		{call(403, "WEBINTEGRATIONS_FORBIDDEN", nil), "refused webintegrations_forbidden info", ""},
		{call(503, "STORE_UNAVAILABLE", nil), "refused store_unavailable warn", "refused store_unavailable warn"},
		{call(503, "ISSUER_UNAVAILABLE", change), "refused issuer_unavailable warn", "refused issuer_unavailable warn"},
		{proxy.Exchange{Verdict: origins.Refused, Reason: "origin_not_listed", API: true, Status: 403}, "refused origin_not_listed info", ""},
	} {
		for access, want := range map[bool]string{true: row.access, false: row.without} {
			got := ""
			for _, line := range logExchanges(t, config.Log{Access: access}, row.exchange) {
				got += fmt.Sprint(line["verdict"], " ", line["reason"], " ", line["level"])
			}
			if got != want {
				t.Errorf("status %d, access %v: logged %q, want %q", row.exchange.Status, access, got, want)
			}
		}
	}
}
