package proxy_test

import (
	"testing"

	"originwarden/proxy"
)

func TestGateway_OnLoopbackNobodyTakesARebindingNameUnasked(t *testing.T) {
	for _, protocol := range protocols() {
		for _, row := range []struct {
			rule   string
			hosts  []string
			local  bool
			host   string
			status int
		}{
			{"a name of its own", nil, true, "evil.example", 421},
			{"this machine's", nil, true, "localhost", 200},
			{"its address", nil, true, "127.0.0.1", 200},
			{"any, where it says so", []string{proxy.AnyHost}, true, "evil.example", 200},
			{"any, elsewhere", nil, false, "evil.example", 200},
			{"another tenant's", nil, true, "acme.example", 200},
			{"the asterisk itself", []string{proxy.AnyHost}, true, "*", 200},
			{"the asterisk of nobody", nil, true, "*", 421},
		} {
			w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) { c.Tenants[1].Hosts, c.OnLoopback = row.hosts, row.local }})
			for _, origin := range []string{"X-No: origin", "Origin: " + public} {
				got := w.send(request("GET /", "Host: "+row.host, origin))
				if got.StatusCode != row.status {
					t.Errorf("%s with %s by %s: %d %s", row.rule, origin, protocol, got.StatusCode, got.body)
				}
			}
		}
	}
}
