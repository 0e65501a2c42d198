package decide_test

import (
	"strings"
	"testing"
)

// A page can read that the application is unreachable.
func TestDecide_ErrorOfTheEdgeHasCORSHeaders(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p)
		d.gateway.list(t, "shop", shop)
		d.application.server.Close()
		line := "Access-Control-Allow-Origin: " + shop + "\n"
		if got := d.throughEdge(t, plain); got.status != p.unreachable || strings.Count(got.header, line) != 1 {
			t.Errorf("listed origin: %+v, want %d and %s", got, p.unreachable, line)
		}
		if got := d.throughEdge(t, withoutOrigin); got.status != p.unreachable || strings.Contains(got.header, "Access-Control-") {
			t.Errorf("no origin: %+v, want %d and no CORS headers", got, p.unreachable)
		}
	})
}

// A request is decided for the host that the application gets.
func TestDecide_OtherHostsAreNotForwarded(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p)
		d.gateway.list(t, "shop", shop)
		for _, r := range []request{
			{line: "GET http://other.example/orders"},
			{line: "GET http://other.example/orders", headers: from(shop)},
			{line: "GET http://other.example/events", headers: handshake(from(shop)...)},
			{line: "OPTIONS http://other.example/orders", headers: preflight(shop, "PUT")},
			{line: "GET /orders", headers: []string{"Host: other.example"}},
			{line: "GET /orders", headers: append([]string{"Host: other.example"}, from(shop)...)},
			{line: "GET /orders", headers: []string{"Host: " + host, "Host: other.example"}},
			{line: "GET /orders", headers: []string{"Host: other.example", "Host: " + host}},
			{line: "GET //other.example/orders", headers: from(partner)},
		} {
			if got := d.throughEdge(t, r); got.reached != "" || strings.Contains(got.header, "Access-Control-") {
				t.Errorf("%s %q: %+v, want no request and no CORS headers", r.line, r.headers, got)
			}
		}
		if got := d.throughEdge(t, request{line: "GET /orders", headers: []string{"Host: other.example"}}); got.status != p.otherHost {
			t.Errorf("%+v, want %d", got, p.otherHost)
		}
	})
}
