package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"originwarden/origins"
)

// An identity provider responds with a form that the browser posts. Its origin is
// the provider's, opaque (a sandbox, a redirect in between), or missing (an old
// browser).
func TestGateway_ExemptsPostsToExactPathFromOriginCheck(t *testing.T) {
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
		{"origin of provider", post("/callback", idp), 200, "path_exempt"},
		{"opaque origin", post("/callback", "null"), 200, "path_exempt"},
		{"no origin", post("/callback"), 200, "path_exempt"},
		{"query", post("/callback?provider=saml", "null"), 200, "path_exempt"},
		{"unknown web integration in query", post("/callback?qlik-web-integration-id=unknown", idp), 200, "path_exempt"},
		{"listed origin is not exempt", post("/callback", listed), 200, "listed"},
		{"public origin is not exempt", post("/callback", public), 200, "same_origin"},
		{"repeated origin", post("/callback", "null", "null"), 400, "origin_repeated"},
		{"malformed origin", post("/callback", "https://login.idp.example/"), 403, "origin_malformed"},
		{"other path", post("/callbacks", "null"), 403, "origin_opaque"},
		{"path below", post("/callback/x", "null"), 403, "origin_opaque"},
		{"trailing slash", post("/callback/", "null"), 403, "origin_opaque"},
		{"double leading slash", post("//callback", "null"), 403, "origin_opaque"},
		{"upper-case letter", post("/Callback", "null"), 403, "origin_opaque"},
		{"dot-dot segment", post("/x/../callback", "null"), 403, "origin_opaque"},
		{"dot segment", post("/./callback", "null"), 403, "origin_opaque"},
		{"percent-encoded letter", post("/%63allback", "null"), 403, "origin_opaque"},
		{"leading backslash", post("/\\callback", "null"), 403, "origin_opaque"},
		{"percent-encoded dot segment", post("/%2e/callback", "null"), 403, "origin_opaque"},
		{"percent-encoded dot-dot segment", post("/x%2F..%2Fcallback", "null"), 403, "origin_opaque"},
		{"fragment", post("/callback#x", "null"), 403, "origin_opaque"},
		{"percent-encoded NUL", post("/callback%00", "null"), 403, "origin_opaque"},
		{"path in query", post("/x?/callback", "null"), 403, "origin_opaque"},
		{"absolute URL", post("http://acme.example/callback", "null"), 200, "path_exempt"},
		{"absolute URL with path in query", post("http://acme.example?x=/callback", "null"), 403, "origin_opaque"},
		{"absolute URL with double slash", post("http://acme.example//callback", "null"), 403, "origin_opaque"},
		{"percent-encoded trailing slash", post("/callback%2F", "null"), 403, "origin_opaque"},
		{"path parameter", post("/callback;x", "null"), 403, "origin_opaque"},
		{"GET", request("GET /callback", "Origin: null"), 403, "origin_opaque"},
		{"HEAD", request("HEAD /callback", "Origin: null"), 403, "origin_opaque"},
		{"method with prefix POST", request("POSTX /callback", "Origin: null", "Content-Length: 0"), 403, "origin_opaque"},
		{"DELETE with method override", request("DELETE /callback", "Origin: null", "X-HTTP-Method-Override: POST", "X-Method-Override: POST"), 403, "origin_opaque"},
		{"POST to other path with URL override", post("/x", "null\r\nX-Original-URL: /callback\r\nX-Rewrite-URL: /callback"), 403, "origin_opaque"},
		{"PUT", request("PUT /callback", "Origin: null", "Content-Length: 0"), 403, "origin_opaque"},
		{"method in lower case", request("post /callback", "Origin: null", "Content-Length: 0"), 403, "origin_opaque"},
		{"GET with method override", request("GET /callback", "Origin: null", "X-HTTP-Method-Override: POST"), 403, "origin_opaque"},
		{"preflight", request("OPTIONS /callback", "Origin: null", "Access-Control-Request-Method: POST"), 403, "origin_opaque"},
		{"WebSocket handshake", handshake("/callback", "Origin: null"), 403, "origin_opaque"},
	}
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol, policy: func(p *origins.Policy) { p.RequireOrigin = origins.RequireUnsafe }})
		for _, row := range rows {
			if protocol == http2 && (strings.Contains(row.raw, " http://") || strings.Contains(row.raw, " //") || strings.Contains(row.raw, "Upgrade:")) {
				continue // not possible in HTTP/2, or its client cannot send it
			}
			rule := fmt.Sprint(row.rule, " over ", protocol)
			got := h.send(row.raw)
			x, saw := h.nextExchange(), h.tenantRequests()
			if got.StatusCode != row.status || x.Reason != row.reason || len(saw) == 1 != (row.status == 200) {
				t.Errorf("%s: status %d, reason %q; want %d, %q; tenant received %v", rule, got.StatusCode, x.Reason, row.status, row.reason, saw)
			}
			switch row.reason {
			case "listed":
				expectCORS(t, rule, got, allowedCORS(listed))
			case "same_origin":
				expectCORS(t, rule, got, allowedCORS(public))
			default:
				expectCORS(t, rule, got, onlyVary())
			}
			if len(saw) == 1 && saw[0].Body != form {
				t.Errorf("%s: tenant received body %q", rule, saw[0].Body)
			}
		}
	}
}

func TestGateway_IgnoresHeadersThatPageCanSet(t *testing.T) {
	for _, header := range []string{"X-Forwarded-Host: tenant.example", "X-Forwarded-Proto: https", "Forwarded: host=tenant.example;proto=https",
		"X-Original-URL: /callback", "X-Rewrite-URL: /callback", "X-Original-Host: tenant.example", "X-Forwarded-For: 127.0.0.1",
		"Referer: https://tenant.example/", "X-HTTP-Method-Override: OPTIONS", "Sec-Fetch-Mode: same-origin"} {
		h := newHarness(t, options{})
		if got := h.send(request("POST /a", header, "Origin: "+unlisted, "Content-Length: 0")); got.StatusCode != 403 || len(h.tenantRequests()) > 0 {
			t.Errorf("%s: status %d, want 403", header, got.StatusCode)
		}
	}
}
