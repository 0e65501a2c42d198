package proxy_test

import (
	"testing"

	"originwarden/origins"
	"originwarden/proxy"
)

// A tenant without an upstream gets nothing; its lists are edited here all the same.
func TestGateway_ForwardsNothingWithoutUpstream(t *testing.T) {
	handshake := []string{"Origin: " + listed, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}
	for _, lane := range []string{"fast", "reference"} {
		for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Report} {
			h := newHarness(t, options{lane: lane, mode: mode, config: func(c *proxy.Config) { c.Tenants[0].Upstream = nil }})
			for _, raw := range []string{request("GET /", "Origin: "+listed), request("GET /"), request("GET /", handshake...)} {
				if got := h.send(raw); got.StatusCode != 421 || got.code() != "NOT_FORWARDED" {
					t.Errorf("%s, %v, %q: %d %s", lane, mode, raw, got.StatusCode, got.body)
				}
				if x := h.nextExchange(); x.Verdict != origins.Allowed || x.UpstreamCause != "" || x.Status != 421 {
					t.Errorf("%s, %v, %q: observed %+v", lane, mode, raw, x)
				}
			}
			if got := h.send(request("GET /api/v1/web-integrations", "Origin: "+listed)); got.StatusCode != 200 {
				t.Errorf("%s, %v, API: %d %s", lane, mode, got.StatusCode, got.body)
			}
		}
	}
}
