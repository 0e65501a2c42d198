package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServe_CreatesNoAdminTokenWhenIssuerIsConfigured(t *testing.T) {
	dir := t.TempDir()
	startGateway(t, dir, tenantConfig(startServer(t, hello), `api: {oidc: {issuer: "http://127.0.0.1:1", audience: lists}}`))
	if _, err := os.Stat(filepath.Join(dir, adminTokenName)); !os.IsNotExist(err) {
		t.Errorf("admin token file: got error %v, want not exist", err)
	}
}

func TestServe_ReportsUnreachableIssuer(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello), `api: {oidc: {issuer: "http://127.0.0.1:1", audience: lists}}`))
	const unsigned = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	response, text := send(t, "GET", r.tenants+collection, "", "Authorization: Bearer "+unsigned)
	if response.StatusCode != 503 || strings.Contains(text, "127.0.0.1:1") {
		t.Errorf("%d %s", response.StatusCode, text)
	}
	r.await(t, r.stderr, "the issuer's keys are unavailable")
}

// A listed page can read Retry-After in a refusal by the rate limit.
func TestServe_LimitsAndCountsWrites(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello), "api: {rate_limits: {tier2: 1}}"))
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	const page = "https://page.example"
	write := func(body string, headers ...string) (int, string, string) {
		headers = append(headers, "Content-Type: application/json", "Authorization: Bearer "+strings.TrimSpace(string(token)))
		response, text := send(t, "POST", r.tenants+collection, body, headers...)
		return response.StatusCode, text, fmt.Sprint(response.Header["Retry-After"], response.Header["Access-Control-Allow-Origin"])
	}
	if status, text, _ := write(`{"name":"n","validOrigins":["` + page + `"]}`); status != 201 {
		t.Fatalf("%d %s", status, text)
	}
	status, text, headers := write(`{"name":"m"}`, "Origin: "+page)
	if status != 429 || !strings.Contains(text, `"code":"HTTP-429"`) || headers != "[60] ["+page+"]" {
		t.Errorf("%d %s %s", status, text, headers)
	}
	_, metrics := send(t, "GET", r.admin+"/metrics", "")
	for _, line := range []string{`originwarden_limited_total{limit="tier2"} 1`, `method="POST",route="/api/v1/web-integrations"} 1`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("metrics lack %s", line)
		}
	}
}
