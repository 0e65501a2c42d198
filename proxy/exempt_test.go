package proxy_test

import (
	"fmt"
	"testing"

	"originwarden/origins"
)

// An identity provider answers with a form that the browser posts: from its own
// origin, from an opaque one (a sandbox, a redirect in between), or from an old
// browser without any.
func TestGateway_LetsSignOnAnswersPassExactlyWhereTheyMay(t *testing.T) {
	const form = "SAMLResponse=PHNhbWxwOlJlc3BvbnNl&RelayState=%2Fhub"
	headers := []string{"Content-Type: application/x-www-form-urlencoded", fmt.Sprint("Content-Length: ", len(form)), "Cookie: relay=1",
		"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	post := func(target string, origin ...string) string {
		lines := headers
		for _, o := range origin {
			lines = append(lines[:len(lines):len(lines)], "Origin: "+o)
		}
		return request("POST "+target, lines...) + form
	}
	const idp = "https://login.idp.example"
	rows := []struct {
		rule, raw string
		status    int
		reason    string
	}{
		{"from the provider", post("/callback", idp), 200, "path_exempt"},
		{"from an opaque origin", post("/callback", "null"), 200, "path_exempt"},
		{"without an origin", post("/callback"), 200, "path_exempt"},
		{"with a query", post("/callback?provider=saml", "null"), 200, "path_exempt"},
		{"naming a web integration", post("/callback?qlik-web-integration-id=unknown", idp), 200, "path_exempt"},
		{"of a listed origin it is an ordinary request", post("/callback", listed), 200, "listed"},
		{"of a public origin too", post("/callback", public), 200, "same_origin"},
		{"two origins", post("/callback", "null", "null"), 400, "origin_repeated"},
		{"a malformed origin", post("/callback", "https://login.idp.example/"), 403, "origin_malformed"},
		{"another path", post("/callbacks", "null"), 403, "origin_opaque"},
		{"a path below", post("/callback/x", "null"), 403, "origin_opaque"},
		{"a slash behind", post("/callback/", "null"), 403, "origin_opaque"},
		{"a slash before", post("//callback", "null"), 403, "origin_opaque"},
		{"another case", post("/Callback", "null"), 403, "origin_opaque"},
		{"dots", post("/x/../callback", "null"), 403, "origin_opaque"},
		{"a dot", post("/./callback", "null"), 403, "origin_opaque"},
		{"escaped", post("/%63allback", "null"), 403, "origin_opaque"},
		{"an escaped slash behind", post("/callback%2F", "null"), 403, "origin_opaque"},
		{"a parameter", post("/callback;x", "null"), 403, "origin_opaque"},
		{"a GET", request("GET /callback", "Origin: null"), 403, "origin_opaque"},
		{"a PUT", request("PUT /callback", "Origin: null", "Content-Length: 0"), 403, "origin_opaque"},
		{"post in lower case", request("post /callback", "Origin: null", "Content-Length: 0"), 403, "origin_opaque"},
		{"a GET that overrides its method", request("GET /callback", "Origin: null", "X-HTTP-Method-Override: POST"), 403, "origin_opaque"},
		{"a preflight", request("OPTIONS /callback", "Origin: null", "Access-Control-Request-Method: POST"), 403, "origin_opaque"},
		{"a WebSocket", handshake("/callback", "Origin: null"), 403, "origin_opaque"},
	}
	w := newWorld(t, options{policy: func(p *origins.Policy) { p.RequireOrigin = origins.RequireUnsafe }})
	for _, row := range rows {
		got := w.send(row.raw)
		x, saw := w.observed(), w.tenantSaw()
		if got.StatusCode != row.status || x.Reason != row.reason || len(saw) == 1 != (row.status == 200) {
			t.Errorf("%s: %d, %q; the tenant saw %v", row.rule, got.StatusCode, x.Reason, saw)
		}
		if row.reason == "path_exempt" {
			expectCORS(t, row.rule, got, unshared())
			if len(saw) == 1 && saw[0].Body != form {
				t.Errorf("%s: the tenant got %q", row.rule, saw[0].Body)
			}
		}
	}
}

func TestGateway_BelievesNothingThatAPageCanSet(t *testing.T) {
	for _, header := range []string{"X-Forwarded-Host: tenant.example", "X-Forwarded-Proto: https", "Forwarded: host=tenant.example;proto=https",
		"X-Original-URL: /callback", "X-Rewrite-URL: /callback", "X-Original-Host: tenant.example", "X-Forwarded-For: 127.0.0.1",
		"Referer: https://tenant.example/", "X-HTTP-Method-Override: OPTIONS", "Sec-Fetch-Mode: same-origin"} {
		w := newWorld(t, options{})
		if got := w.send(request("POST /a", header, "Origin: "+unlisted, "Content-Length: 0")); got.StatusCode != 403 || len(w.tenantSaw()) > 0 {
			t.Errorf("%s: %d", header, got.StatusCode)
		}
	}
}
