package console_test

import (
	"html"
	"net/url"
	"strings"
	"testing"

	"originwarden/console/gatewaytest"
)

// A browser asks nobody whether a page may make a request to its own address.
func TestAsk_ShowsPreflightOnlyOfOtherOrigins(t *testing.T) {
	g := gatewaytest.Start(t, `admin: {console: true}
`+gatewaytest.Tokens()+`tenants:
- id: acme
  upstream: `+gatewaytest.StartUpstream(t)+`
  hosts: [acme.localhost, www.acme.localhost, inner.localhost]
  public_origins: ["https://acme.localhost", "https://www.acme.localhost", "https://public.example"]
`)
	b := g.SignIn(t, "admin")
	for _, row := range []struct {
		rule, origin, method string
		preflight            bool
		base                 string
	}{
		{"other origin", "https://app.example", "PUT", true, "https://acme.localhost"},
		{"other origin, without need", "https://app.example", "GET", false, "https://acme.localhost"},
		{"public origin", "https://acme.localhost", "PUT", false, "https://acme.localhost"},
		{"another public origin", "https://www.acme.localhost", "PUT", false, "https://www.acme.localhost"},
		{"public origin of a proxy in front", "https://public.example", "PUT", false, "https://acme.localhost"},
		{"method that no preflight allows", "https://acme.localhost", "PURGE", false, "https://acme.localhost"},
		{"another port", "https://acme.localhost:8443", "PUT", true, "https://acme.localhost"},
	} {
		response, page := b.Get("/tenants/acme/ask?" + url.Values{"origin": {row.origin}, "method": {row.method}, "path": {"/asked"}}.Encode())
		page = html.UnescapeString(page)
		if got := strings.Contains(page, "Access-Control-Request-Method: "+row.method); response.StatusCode != 200 || got != row.preflight {
			t.Errorf("%s: status %d, shows a preflight: %t, want %t", row.rule, response.StatusCode, got, row.preflight)
		}
		if !strings.Contains(page, row.base+"/asked") {
			t.Errorf("%s: the request is not to %s", row.rule, row.base)
		}
	}
}
