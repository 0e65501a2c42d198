package decide_test

import (
	"strings"
	"testing"
)

// With debug, the body of a refusal has the nearest entry, as in the path, but that of
// nginx, which is its own. The log of the gateway has it in any case.
func TestDecide_DebugTellsTheNearestEntry(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, "debug: true")
		d.gateway.list(t, "shop", shop)
		id := d.gateway.list(t, "partner", partner)
		told := 0
		for _, row := range []struct {
			rule string
			request
			code, nearest string
		}{
			{"other scheme", request{line: "GET /orders", headers: from("http://shop.example.com")}, "origin_not_listed", "other_scheme " + shop},
			{"other port, preflight", request{line: "OPTIONS /orders", headers: preflight(shop+":8443", "PUT")}, "origin_not_listed", "other_port " + shop},
			{"other label, WebSocket", request{line: "GET /events", headers: handshake(from("https://www.shop.example.com")...)}, "origin_not_listed", "other_label " + shop},
			{"other web integration", request{line: "GET /orders", headers: from(shop, "Qlik-Web-Integration-Id: "+id)}, "origin_not_in_web_integration", "other_web_integration " + shop},
			{"no entry is near", request{line: "GET /orders", headers: from("https://evil.example")}, "origin_not_listed", ""},
			{"opaque origin", request{line: "GET /orders", headers: from("null")}, "origin_opaque", ""},
		} {
			want := d.inPath(t, row.request)
			if want.status != 403 || want.code != row.code || want.nearest != row.nearest {
				t.Errorf("%s: in the path %+v, want %s", row.rule, want, row.nearest)
			}
			if got := d.throughEdge(t, row.request); got != want.atEdge(p) {
				t.Errorf("%s:\nat the edge %+v\nin the path %+v", row.rule, got, want)
			}
			if row.nearest != "" {
				told++
			}
		}
		logged := 0
		for line := range strings.Lines(d.gateway.finalLog(t)) {
			if strings.Contains(line, `"asked":true`) && strings.Contains(line, `"nearest":"`+shop+`"`) {
				logged++
			}
		}
		if logged != told {
			t.Errorf("the log has the nearest entry of %d questions, want %d", logged, told)
		}
	})
}
