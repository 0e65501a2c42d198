package proxy_test

import (
	"fmt"
	"strings"
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
		{"a backslash before", post("/\\callback", "null"), 403, "origin_opaque"},
		{"an escaped dot", post("/%2e/callback", "null"), 403, "origin_opaque"},
		{"an escaped slash before", post("/x%2F..%2Fcallback", "null"), 403, "origin_opaque"},
		{"a fragment", post("/callback#x", "null"), 403, "origin_opaque"},
		{"a NUL that is escaped", post("/callback%00", "null"), 403, "origin_opaque"},
		{"a path in the query", post("/x?/callback", "null"), 403, "origin_opaque"},
		{"an absolute URL of it", post("http://acme.example/callback", "null"), 200, "path_exempt"},
		{"an absolute URL with it in the query", post("http://acme.example?x=/callback", "null"), 403, "origin_opaque"},
		{"an absolute URL with it behind a slash", post("http://acme.example//callback", "null"), 403, "origin_opaque"},
		{"an escaped slash behind", post("/callback%2F", "null"), 403, "origin_opaque"},
		{"a parameter", post("/callback;x", "null"), 403, "origin_opaque"},
		{"a GET", request("GET /callback", "Origin: null"), 403, "origin_opaque"},
		{"a HEAD", request("HEAD /callback", "Origin: null"), 403, "origin_opaque"},
		{"a method that begins alike", request("POSTX /callback", "Origin: null", "Content-Length: 0"), 403, "origin_opaque"},
		{"a DELETE that overrides its method", request("DELETE /callback", "Origin: null", "X-HTTP-Method-Override: POST", "X-Method-Override: POST"), 403, "origin_opaque"},
		{"a POST for another path, by an override", post("/x", "null\r\nX-Original-URL: /callback\r\nX-Rewrite-URL: /callback"), 403, "origin_opaque"},
		{"a PUT", request("PUT /callback", "Origin: null", "Content-Length: 0"), 403, "origin_opaque"},
		{"post in lower case", request("post /callback", "Origin: null", "Content-Length: 0"), 403, "origin_opaque"},
		{"a GET that overrides its method", request("GET /callback", "Origin: null", "X-HTTP-Method-Override: POST"), 403, "origin_opaque"},
		{"a preflight", request("OPTIONS /callback", "Origin: null", "Access-Control-Request-Method: POST"), 403, "origin_opaque"},
		{"a WebSocket", handshake("/callback", "Origin: null"), 403, "origin_opaque"},
	}
	for _, protocol := range protocols() {
		w := newWorld(t, options{protocol: protocol, policy: func(p *origins.Policy) { p.RequireOrigin = origins.RequireUnsafe }})
		for _, row := range rows {
			if protocol == http2 && (strings.Contains(row.raw, " http://") || strings.Contains(row.raw, " //") || strings.Contains(row.raw, "Upgrade:")) {
				continue // which it has not, or its client cannot send
			}
			rule := fmt.Sprint(row.rule, " by ", protocol)
			got := w.send(row.raw)
			x, saw := w.observed(), w.tenantSaw()
			if got.StatusCode != row.status || x.Reason != row.reason || len(saw) == 1 != (row.status == 200) {
				t.Errorf("%s: %d, %q; the tenant saw %v", rule, got.StatusCode, x.Reason, saw)
			}
			switch row.reason {
			case "listed":
				expectCORS(t, rule, got, sharedWith(listed))
			case "same_origin":
				expectCORS(t, rule, got, sharedWith(public))
			default:
				expectCORS(t, rule, got, unshared())
			}
			if len(saw) == 1 && saw[0].Body != form {
				t.Errorf("%s: the tenant got %q", rule, saw[0].Body)
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
