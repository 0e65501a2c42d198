package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/server/readiness"
)

func TestAdmin_ServesOnlyKnownPathsAndMethods(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello)))
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
		body         string // a part
	}{
		{"GET", "/metrics", nil, 200, "originwarden_build_info"},
		{"GET", "/healthz", nil, 200, `{"healthy":true}`},
		{"GET", "/readyz", nil, 200, `{"ready":true,"revision":0,"age":`},
		{"HEAD", "/readyz", nil, 200, ""},
		{"HEAD", "/metrics", nil, 200, ""},
		{"GET", "/readyz?verbose", nil, 200, `"ready":true`},
		{"GET", "/openapi.yaml", nil, 200, "openapi: 3.0.3"},
		{"POST", "/openapi.yaml", nil, 405, `"code":"METHOD_NOT_ALLOWED"`},
		{"GET", "/sign-in", nil, 200, "<h1>Sign in</h1>"},
		{"GET", "/", []string{"Origin: http://a.example"}, 403, "another origin"},
		{"GET", "/readyz/", nil, 404, `"code":"NOT_FOUND"`},
		{"GET", "//readyz", nil, 404, `"code":"NOT_FOUND"`},
		{"GET", "/%72eadyz", nil, 404, `"code":"NOT_FOUND"`},
		{"GET", collection, nil, 404, `"code":"NOT_FOUND"`},
		{"POST", "/nothing", nil, 404, `"code":"NOT_FOUND"`},
		{"POST", "/readyz", nil, 405, `"code":"METHOD_NOT_ALLOWED"`},
		{"OPTIONS", "/metrics", nil, 405, `"code":"METHOD_NOT_ALLOWED"`},
		{"DELETE", "/healthz", nil, 405, `"code":"METHOD_NOT_ALLOWED"`},
		{"GET", "/metrics", []string{"Origin: http://127.0.0.1"}, 403, `"code":"ORIGIN_REFUSED"`},
		{"GET", "/metrics", []string{"Origin: "}, 403, `"code":"ORIGIN_REFUSED"`},
		{"GET", "/nothing", []string{"Origin: null"}, 403, `"code":"ORIGIN_REFUSED"`},
		{"OPTIONS", "/readyz", []string{"Origin: http://a.example", "Access-Control-Request-Method: GET"}, 403, `"code":"ORIGIN_REFUSED"`},
	} {
		response, text := send(t, c.method, r.admin+c.path, "", c.headers...)
		if response.StatusCode != c.status || !strings.Contains(text, c.body) {
			t.Errorf("%s %s %q: %d %s", c.method, c.path, c.headers, response.StatusCode, text)
		}
		if allow := response.Header.Get("Allow"); (allow == "GET, HEAD") != (c.status == 405) {
			t.Errorf("%s %s: Allow is %q", c.method, c.path, allow)
		}
		for name := range response.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: response has %s", c.method, c.path, name)
			}
		}
	}
}

func TestAdmin_IsNotServedOnTheTenantAddress(t *testing.T) {
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello)))
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		if _, text := send(t, "GET", r.tenants+path, ""); text != "hello" {
			t.Errorf("%s: got %q, want the tenant's response", path, text)
		}
	}
}

func TestReadiness_ReportsRevisionInForce(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	made, _ := send(t, "POST", r.tenants+collection, `{"name":"n"}`, "Authorization: Bearer "+strings.TrimSpace(string(token)), "Content-Type: application/json")
	want, _ := strconv.ParseUint(made.Header.Get("Web-Integrations-Revision"), 10, 64)
	var d readiness.Document
	for d.Revision < want && t.Context().Err() == nil { // the change arrives on the feed after the response
		_, text := send(t, "GET", r.admin+"/readyz", "")
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
	}
	if !d.Ready || d.Revision != want || d.Age == nil || !d.Store.Up || d.Store.Identity == "" || d.Store.Revision != want {
		t.Errorf("got %+v, want revision %d", d, want)
	}
}
