package config_test

import (
	"os"
	"path/filepath"
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
		{`issuer: "https://u@id.example", audience: a`, where + `api.oidc.issuer: the URL has user info`},
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

func TestParse_ReportsInvalidSignIn(t *testing.T) {
	secrets := t.TempDir()
	empty, good := filepath.Join(secrets, "empty"), filepath.Join(secrets, "good")
	for file, text := range map[string]string{empty: " \n", good: "secret\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const issuer, where = `api: {oidc: {issuer: "https://id.example", audience: a}}`, "c.yaml:3: admin.sign_in."
	const url = `redirect_url: "https://console.example/sign-in/callback"`
	for _, row := range []struct{ rule, signIn, oidc, mistakes string }{
		{"none", ``, "", ""},
		{"public client", `client_id: c, ` + url, issuer, ""},
		{"client with a secret", `client_id: c, secret_file: ` + good + `, ` + url, issuer, ""},
		{"this machine", `client_id: c, redirect_url: "http://localhost:9090/sign-in/callback"`, issuer, ""},
		{"no issuer", `client_id: c, ` + url, "", where + "client_id is set without api.oidc.issuer"},
		{"no client", url, issuer, where + "redirect_url is set without client_id"},
		{"only a secret", `secret_file: ` + good, issuer, where + "secret_file is set without client_id"},
		{"no URL", `client_id: c`, issuer, "c.yaml:3: admin.sign_in.redirect_url is missing: it is the console's URL, followed by /sign-in/callback"},
		{"http", `client_id: c, redirect_url: "http://console.example/sign-in/callback"`, issuer, where + `redirect_url "http://console.example/sign-in/callback" is not an https URL without a query (http is for this machine only)`},
		{"another path", `client_id: c, redirect_url: "https://console.example/"`, issuer, where + `redirect_url "https://console.example/" does not have the path /sign-in/callback`},
		{"no file", `client_id: c, secret_file: /none, ` + url, issuer, where + "secret_file open /none: no such file or directory"},
		{"empty file", `client_id: c, secret_file: ` + empty + `, ` + url, issuer, where + "secret_file " + empty + " is empty"},
		{"all at once", `client_id: c, secret_file: /none, redirect_url: x`, "", where + "client_id is set without api.oidc.issuer\n" +
			where + `redirect_url "x" is not an https URL without a query (http is for this machine only)` + "\n" + where + "secret_file open /none: no such file or directory"},
	} {
		got := ""
		text := strings.TrimSpace(oneTenant) + "\n" + row.oidc + "\nadmin: {sign_in: {" + row.signIn + "}}\n"
		if _, err := config.Parse("c.yaml", []byte(text)); err != nil {
			got = err.Error()
		}
		if got != row.mistakes {
			t.Errorf("%s:\n got %s\nwant %s", row.rule, got, row.mistakes)
		}
	}
}
