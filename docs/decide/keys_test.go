package decide_test

import "testing"

// Keys of the tenant that decide too, beside the list.
func TestDecide_KeysOfTheTenantAreAsInThePath(t *testing.T) {
	body := func(origin string) []string { return from(origin, "Content-Length: 4") }
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, "public_origins: [https://"+host+"]", "require_origin: unsafe", "post_from_anywhere: [/callback]", "patterns: own",
			"cors: {credentials: false, methods: [GET, PUT], request_headers: [content-type], expose_headers: [], max_age: 5s}")
		d.gateway.list(t, "shop", shop, "https://pr-*.example.com")
		d.checkRows(t, []row{
			{"the tenant's own origin", request{line: "GET /orders", headers: from("https://" + host)}, 200, "", true},
			{"form of the identity provider", request{line: "POST /callback", headers: body("null"), body: "body"}, 200, "", true},
			{"form for another path", request{line: "POST /callback/", headers: body("null"), body: "body"}, 403, "origin_opaque", false},
			{"escaped path", request{line: "POST /%63allback", headers: body("null"), body: "body"}, 403, "origin_opaque", false},
			{"no form", request{line: "GET /callback", headers: from("null")}, 403, "origin_opaque", false},
			{"WebSocket without an origin", request{line: "GET /events", headers: handshake()}, 403, "origin_required", false},
			{"unsafe method without an origin", request{line: "POST /orders", headers: []string{"Content-Length: 4"}, body: "body"}, 403, "origin_required", false},
			{"origin of a pattern", request{line: "GET /orders", headers: from("https://pr-1.example.com")}, 200, "", true},
			{"preflight without credentials", request{line: "OPTIONS /orders", headers: from(shop, "Access-Control-Request-Method: PUT")}, 204, "", false},
			{"preflight for a method that is not allowed", request{line: "OPTIONS /orders", headers: from(shop, "Access-Control-Request-Method: PATCH")}, 403, "method_not_allowed", false},
			{"preflight for a field that is not allowed", request{line: "OPTIONS /orders", headers: preflight(shop, "PUT")}, 403, "header_not_allowed", false},
		})
	})
}
