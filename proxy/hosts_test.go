package proxy_test

import (
	"testing"

	"originwarden/proxy"
)

func TestGateway_OnLoopbackRefusesUnknownHostUnlessConfigured(t *testing.T) {
	for _, protocol := range protocols() {
		for _, row := range []struct {
			rule   string
			hosts  []string
			local  bool
			host   string
			status int
		}{
			{"unknown host", nil, true, "evil.example", 421},
			{"localhost", nil, true, "localhost", 200},
			{"loopback address", nil, true, "127.0.0.1", 200},
			{"unknown host with hosts *", []string{proxy.AnyHost}, true, "evil.example", 200},
			{"unknown host not on loopback", nil, false, "evil.example", 200},
			{"host of another tenant", nil, true, "acme.example", 200},
			{"literal * with hosts *", []string{proxy.AnyHost}, true, "*", 200},
			{"literal * without hosts *", nil, true, "*", 421},
		} {
			h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) { c.Tenants[1].Hosts, c.OnLoopback = row.hosts, row.local }})
			for _, origin := range []string{"X-No: origin", "Origin: " + public} {
				got := h.send(request("GET /", "Host: "+row.host, origin))
				if got.StatusCode != row.status {
					t.Errorf("%s with %s over %s: status %d, want %d: %s", row.rule, origin, protocol, got.StatusCode, row.status, got.body)
				}
			}
		}
	}
}
