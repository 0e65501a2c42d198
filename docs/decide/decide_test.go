package decide_test

import (
	"testing"
)

const (
	shop    = "https://shop.example.com"    // listed
	partner = "https://partner.example.net" // not listed
)

// A row is a request, and what must become of it.
type row struct {
	rule string
	request
	status  int
	code    string // of a refusal
	reaches bool   // the application
}

func from(origin string, headers ...string) []string {
	return append([]string{"Origin: " + origin}, headers...)
}

func preflight(origin, method string) []string {
	return from(origin, "Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: content-type,x-requested-with")
}

func handshake(headers ...string) []string {
	return append(headers, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
}

var rows = []row{
	{"no origin", request{line: "GET /orders?x=%2F&y"}, 200, "", true},
	{"listed origin", request{line: "GET /orders", headers: from(shop)}, 200, "", true},
	{"listed origin, HEAD", request{line: "HEAD /orders", headers: from(shop)}, 200, "", true},
	{"listed origin, path that a proxy could clean", request{line: "GET /a%2F..//b;c?d=/../", headers: from(shop)}, 200, "", true},
	{"listed origin, body", request{line: "PUT /orders/1", headers: from(shop, "Content-Length: 4"), body: "body"}, 200, "", true},
	{"listed origin, body without its length", request{line: "POST /orders", headers: from(shop, "Transfer-Encoding: chunked"), body: "4\r\nbody\r\n0\r\n\r\n"}, 200, "", true},
	{"listed origin, absolute-form", request{line: "GET http://" + host + "/orders?x", headers: from(shop)}, 200, "", true},
	{"listed origin, which Connection names", request{line: "GET /orders", headers: from(shop, "Connection: Origin")}, 200, "", true},
	{"other origin", request{line: "GET /orders", headers: from(partner)}, 403, "origin_not_listed", false},
	{"other origin, body", request{line: "POST /orders", headers: from(partner, "Content-Length: 4"), body: "body"}, 403, "origin_not_listed", false},
	{"other origin, body without its length", request{line: "POST /orders", headers: from(partner, "Transfer-Encoding: chunked"), body: "4\r\nbody\r\n0\r\n\r\n"}, 403, "origin_not_listed", false},
	{"other origin, absolute-form", request{line: "GET http://" + host + "/orders", headers: from(partner)}, 403, "origin_not_listed", false},
	{"opaque origin", request{line: "GET /orders", headers: from("null")}, 403, "origin_opaque", false},
	{"opaque origin of the tenant's own form", request{line: "GET /orders", headers: from("null", "Sec-Fetch-Site: same-origin")}, 200, "", true},
	{"malformed origin", request{line: "GET /orders", headers: from(shop + "/")}, 403, "origin_malformed", false},
	{"empty origin", request{line: "GET /orders", headers: from("")}, 403, "origin_malformed", false},
	{"repeated origin", request{line: "GET /orders", headers: from(shop, "Origin: "+shop)}, 400, "origin_repeated", false},
	{"repeated origin, one of them empty", request{line: "GET /orders", headers: from("", "Origin: "+shop)}, 400, "origin_repeated", false},
	{"unknown web integration", request{line: "GET /orders", headers: from(shop, "Qlik-Web-Integration-Id: none")}, 403, "web_integration_unknown", false},
	{"unknown web integration in the query", request{line: "GET /orders?qlik-web-integration-id=none", headers: from(shop)}, 403, "web_integration_unknown", false},
	{"public path", request{line: "GET /public/a", headers: from(partner)}, 200, "", true},
	{"public path, no origin", request{line: "GET /public/a"}, 200, "", true},
	{"public path, other method", request{line: "PUT /public/a", headers: from(partner, "Content-Length: 0")}, 403, "origin_not_listed", false},

	{"preflight", request{line: "OPTIONS /orders", headers: preflight(shop, "PUT")}, 204, "", false},
	{"preflight of another origin", request{line: "OPTIONS /orders", headers: preflight(partner, "PUT")}, 403, "origin_not_listed", false},
	{"preflight of an opaque origin", request{line: "OPTIONS /orders", headers: preflight("null", "PUT")}, 403, "origin_opaque", false},
	{"preflight of a repeated origin", request{line: "OPTIONS /orders", headers: append(preflight(shop, "PUT"), "Origin: "+shop)}, 400, "origin_repeated", false},
	{"preflight of an empty origin", request{line: "OPTIONS /orders", headers: preflight("", "PUT")}, 403, "origin_malformed", false},
	{"preflight for another method", request{line: "OPTIONS /orders", headers: preflight(shop, "PROPFIND")}, 403, "method_not_allowed", false},
	{"preflight for no method", request{line: "OPTIONS /orders", headers: preflight(shop, "")}, 403, "method_not_allowed", false},
	{"preflight for a public path", request{line: "OPTIONS /public/a", headers: preflight(partner, "GET")}, 204, "", false},
	{"OPTIONS that is no preflight", request{line: "OPTIONS /orders", headers: from(shop)}, 200, "", true},
	{"OPTIONS that is no preflight, of another origin", request{line: "OPTIONS /orders", headers: from(partner)}, 403, "origin_not_listed", false},

	{"WebSocket", request{line: "GET /events", headers: handshake(from(shop)...)}, 101, "", true},
	{"WebSocket without an origin", request{line: "GET /events", headers: handshake()}, 101, "", true},
	{"WebSocket of another origin", request{line: "GET /events", headers: handshake(from(partner)...)}, 403, "origin_not_listed", false},
	{"WebSocket of an opaque origin", request{line: "GET /events", headers: handshake(from("null")...)}, 403, "origin_opaque", false},
	{"WebSocket of a repeated origin", request{line: "GET /events", headers: handshake(from(shop, "Origin: "+shop)...)}, 400, "origin_repeated", false},
	{"WebSocket of another origin on a public path", request{line: "GET /public/a", headers: handshake(from(partner)...)}, 403, "origin_not_listed", false},
	{"another upgrade, which is removed", request{line: "GET /orders", headers: from(shop, "Connection: Upgrade", "Upgrade: h2c")}, 200, "", true},
}

// Each product does what the gateway does when it stands in the path.
func TestDecide_RequestsAtTheEdgeAreAsInThePath(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths)
		d.gateway.list(t, "shop", shop)
		d.checkRows(t, rows)
	})
}

// checkRows checks what becomes of requests in the path, and that it is the same at the edge.
func (d *deployment) checkRows(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		want := d.inPath(t, row.request)
		if want.status != row.status || want.code != row.code || (want.reached != "") != row.reaches {
			t.Errorf("%s: in the path %+v, want %d %s", row.rule, want, row.status, row.code)
		}
		if got := d.throughEdge(t, row.request); got != want.atEdge(d.product) {
			t.Errorf("%s:\nat the edge %+v\nin the path %+v", row.rule, got, want)
		}
	}
}
