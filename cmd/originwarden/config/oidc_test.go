package config_test

import (
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
)

func TestParse_ReportsInvalidOIDC(t *testing.T) {
	const where = "c.yaml:2: "
	rows := []struct{ oidc, mistakes string }{
		{`issuer: "https://id.example/realm/", audience: a`, ""},
		{`issuer: "http://localhost:8080", audience: a`, ""},
		{`issuer: "http://[::1]:8080/x", audience: a`, ""},
		{`audience: a`, where + "api.oidc has an audience but no issuer"},
		{`issuer: "https://id.example"`, where + "api.oidc has no audience: tokens for other services would be accepted"},
		{`issuer: "http://id.example", audience: a`, where + `api.oidc.issuer: "http://id.example" is not an https URL without a query (http is for this machine only)`},
		{`issuer: "https://id.example?x", audience: a`, where + `api.oidc.issuer: "https://id.example?x" is not an https URL without a query (http is for this machine only)`},
		{`issuer: "https://u@id.example", audience: a`, where + `api.oidc.issuer: "https://u@id.example" is not an https URL without a query (http is for this machine only)`},
		{`issuer: id.example, audience: a`, where + `api.oidc.issuer: "id.example" is not an https URL without a query (http is for this machine only)`},
		{`issuer: "https://id.example", audience: a, tenant_claim: ""`, where + "api.oidc.tenant_claim is empty"},
		{`issuer: "https://id.example", audience: a, role_claim: ""`, where + "api.oidc.role_claim is empty"},
		{`issuer: "https://id.example", audience: a, admin_role: ""`, where + "api.oidc.admin_role is empty"},
	}
	for _, row := range rows {
		got := ""
		if _, err := config.Parse("c.yaml", []byte(strings.TrimSpace(oneTenant)+"\napi: {oidc: {"+row.oidc+"}}\n")); err != nil {
			got = err.Error()
		}
		if got != row.mistakes {
			t.Errorf("%s:\n got %s\nwant %s", row.oidc, got, row.mistakes)
		}
	}
}
