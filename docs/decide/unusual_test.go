package decide_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// unusual are requests that a proxy and the gateway could read in two ways. They are sent
// with a listed and with another origin.
var unusual = []request{
	{line: "TRACE /orders"},
	{line: "TRACK /orders"},
	{line: "PRI /orders"},
	{line: "CONNECT /orders"},
	{line: "CONNECT " + host + ":443"},
	{line: "PROPFIND /orders"},
	{line: "M_X /orders"},
	{line: "OPTIONS /orders", headers: []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Method: GET"}},
	{line: "OPTIONS /orders", headers: []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a", "Access-Control-Request-Headers: x-b"}},
	{line: "OPTIONS /orders", headers: []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a, x(b"}},
	{line: "OPTIONS /orders", headers: []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: " + longNames(100)}},
	{line: "OPTIONS /orders", headers: []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Private-Network: true"}},
	{line: "GET /orders", headers: []string{"Access-Control-Request-Method: PUT"}},
	{line: "GET /orders", headers: []string{"Content-Length: 4"}, body: "body"},

	{line: "GET //public/a"},
	{line: "GET /public/../orders"},
	{line: "GET /public/%2e%2e/orders"},
	{line: "GET /public/..%2forders"},
	{line: "GET /public/..;/orders"},
	{line: "GET /public/a;b"},
	{line: "GET /public%2fa"},
	{line: "GET /%70ublic/a"},
	{line: "GET /Public/a"},
	{line: "GET /public/%"},
	{line: "GET /orders?a?b"},
	{line: "GET /orders?$uri{uri}%[src]"},
	{line: "GET /orders?Qlik-Web-Integration-Id=none"},
	{line: "GET /orders?qlik%2dweb-integration-id=none"},
	{line: "GET /orders?a;qlik-web-integration-id=none"},
	{line: "GET /orders?qlik-web-integration-id"},
	{line: "GET /orders?qlik-web-integration-id=a&qlik-web-integration-id=b"},
	{line: "GET /orders", headers: []string{"Qlik-Web-Integration-Id: a", "Qlik-Web-Integration-Id: b"}},
	{line: "GET /orders", headers: []string{"Qlik-Web-Integration-Id: a\tb"}},
	{line: "GET /orders", headers: []string{"Qlik-Web-Integration-Id:"}},

	{line: "GET /orders", headers: []string{"X-Odd: \xff\xfe\ta"}},
	{line: "GET /orders", headers: []string{"X-Odd: a\rb"}},
	{line: "GET /orders", headers: []string{"X-Odd: \x00"}},
	{line: "GET /orders", headers: []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}},
	{line: "GET /orders", headers: []string{"Content-Type: application/grpc", "TE: trailers"}},
	{line: "GET /orders", headers: []string{"Connection: X-Original-URI, X-Original-Host", "Connection: X-Forwarded-Uri, X-Forwarded-For"}},
	{line: "GET /events", headers: []string{"Connection: keep-alive,\tupgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}},
	{line: "GET /events", headers: []string{"Connection: x-upgrade", "Upgrade: websocket"}},
	{line: "GET /events", headers: handshake("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")},
	{line: "HEAD /events", headers: handshake()},
}

// longNames returns a list of n names of fields.
func longNames(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("x-%068d", i))
	}
	return strings.Join(names, ",")
}

func TestDecide_UnusualRequestsAreAsInThePath(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths)
		d.gateway.list(t, "shop", shop)
		for _, r := range unusual {
			for _, origin := range []string{shop, partner} {
				r := request{r.line, from(origin, r.headers...), r.body}
				d.check(t, r, d.throughEdge(t, r), d.inPath(t, r))
			}
		}
	})
}

// A handshake without the fields of RFC 6455 is refused, or no upgrade is left of it: it is
// not taken for a GET of the public path and forwarded as a handshake.
func TestDecide_IncompleteHandshakesOpenNothing(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, publicPaths)
		d.gateway.list(t, "shop", shop)
		for _, fields := range [][]string{{}, {"Sec-WebSocket-Version: 13"}, {"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}} {
			r := request{line: "GET /public/a", headers: slices.Concat(from(partner, "Connection: Upgrade", "Upgrade: websocket"), fields)}
			if got := d.throughEdge(t, r); got.status == 101 || strings.Contains(got.reached, "Upgrade") {
				t.Errorf("%q: %+v, want no upgrade", r.headers, got)
			}
		}
	})
}

// The page says which requests the products refuse themselves for their size. These fit in
// one TLS record, so that a product which refuses one has read it: otherwise the response
// may be lost. Only Caddy gets the longest one, which it does not refuse.
func TestDecide_LargeHeaders(t *testing.T) {
	var many []string
	for i := range 120 {
		many = append(many, fmt.Sprintf("X-%d: a", i))
	}
	long := strings.Repeat("a", 9<<10)
	wants := map[string][]int{"nginx": {414, 400, 200, 400}, "Caddy": {200, 200, 200, 200, 200}, "HAProxy": {200, 200, 400, 400}}
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p)
		d.gateway.list(t, "shop", shop)
		requests := []request{
			{line: "GET /orders?" + long},
			{line: "GET /orders", headers: []string{"X-Long: " + long}},
			{line: "GET /orders", headers: many},
			{line: "GET /orders", headers: []string{"X-Long: " + strings.Repeat("a", 15<<10+512)}},
			{line: "GET /orders", headers: []string{"Cookie: a=" + strings.Repeat(long, 20)}},
		}
		for i, want := range wants[p.name] {
			for _, origin := range []string{shop, partner} {
				if want == 200 && origin == partner {
					want = 403
				}
				sent := request{line: requests[i].line, headers: from(origin, requests[i].headers...)}
				if got := d.throughEdge(t, sent); got.status != want || (got.reached != "") != (want == 200) {
					t.Errorf("%d, %s: %d, want %d", i, origin, got.status, want)
				}
			}
		}
	})
}
