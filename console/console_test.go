package console_test

import (
	"net/http"
	"strings"
	"testing"

	"originwarden/console/gatewaytest"
)

// start starts a gateway with the tenants acme and other, and the tokens "admin" and
// "reader" of all tenants, and "acme-admin" of one.
func start(t *testing.T) *gatewaytest.Gateway {
	t.Helper()
	return gatewaytest.Start(t, configuration(t,
		gatewaytest.Token("admin", "*", "admin"), gatewaytest.Token("reader", "*", "reader"), gatewaytest.Token("acme-admin", "acme", "admin")))
}

func configuration(t *testing.T, tokens ...string) string {
	upstream := gatewaytest.StartUpstream(t)
	return "tenants:\n- {id: acme, hosts: [acme.localhost], upstream: \"" + upstream + "\"}\n" +
		"- {id: other, hosts: [other.localhost], upstream: \"" + upstream + "\", mode: report}\n" +
		"api: {tokens: [" + strings.Join(tokens, ", ") + "]}\n"
}

func TestConsole_ShowsTenantsOfToken(t *testing.T) {
	g := start(t)
	if _, body := g.SignIn(t, "admin").Get("/"); !strings.Contains(body, "/tenants/acme") || !strings.Contains(body, "/tenants/other") {
		t.Errorf("an administrator of all tenants sees %s", body)
	}
	response, body := g.SignIn(t, "acme-admin").Get("/")
	if response.Request.URL.Path != "/tenants/acme" || strings.Contains(body, "/tenants/other") {
		t.Errorf("an administrator of acme sees %s: %s", response.Request.URL, body)
	}
	if response, _ := g.SignIn(t, "acme-admin").Get("/tenants/other"); response.StatusCode != http.StatusForbidden {
		t.Errorf("another tenant: %d, want 403", response.StatusCode)
	}
}
