package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startWithIDs starts a gateway with the tenants of a file of ids.
func startWithIDs(t *testing.T, ids string, more ...string) (r *reloadableGateway, file string) {
	t.Helper()
	up := startServer(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) })
	file = filepath.Join(t.TempDir(), "ids.txt")
	replaceIDs(t, file, ids)
	return startReloadable(t, "defaults: {upstream: '"+up+"'}\ntenants:\n- {ids_file: '"+file+"', hosts: ['{id}.example.com']}\n"+strings.Join(more, "\n")), file
}

func replaceIDs(t *testing.T, file, ids string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(ids), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestIDsFile_TenantsHaveListsOfTheirOwn(t *testing.T) {
	r, _ := startWithIDs(t, "acme\nGlobex\n")
	_, before := send(t, "GET", r.admin+"/metrics", "")
	if strings.Contains(before, `tenant="acme"`) {
		t.Errorf("a tenant has metrics before its first request:\n%s", before)
	}
	response, text := send(t, "POST", r.tenants+collection, `{"name":"app","validOrigins":["https://app.example"]}`,
		"Host: globex.example.com", r.bearer, "Content-Type: application/json")
	if response.StatusCode != 201 || !strings.Contains(text, `"tenantId":"Globex"`) {
		t.Fatalf("%d %s", response.StatusCode, text)
	}
	for _, row := range []struct {
		host, origin string
		status       int
	}{
		{"globex.example.com", "https://app.example", 200},
		{"GLOBEX.example.com", "https://globex.example.com", 200}, // its own origin
		{"acme.example.com", "https://app.example", 403},
		{"acme.example.com", "https://globex.example.com", 403},
		{"initech.example.com", "https://app.example", 421},
		{"localhost", "https://app.example", 421},
	} {
		response, text := send(t, "GET", r.tenants+"/", "", "Host: "+row.host, "Origin: "+row.origin)
		if response.StatusCode != row.status || row.status == 200 && text != row.host {
			t.Errorf("%s from %s: %d %s, want %d", row.host, row.origin, response.StatusCode, text, row.status)
		}
	}
	_, after := send(t, "GET", r.admin+"/metrics", "")
	if !strings.Contains(after, `originwarden_upstream_up{tenant="Globex"} 1`) || strings.Contains(after, `upstream_duration_seconds_count{tenant="acme"}`) {
		t.Errorf("got metrics\n%s", after)
	}
	if _, ready := send(t, "GET", r.admin+"/readyz", ""); !strings.Contains(ready, `{"tenant":"Globex","up":true`) || strings.Contains(ready, `"tenant":"acme"`) {
		t.Errorf("got %s", ready)
	}
}

func TestIDsFile_IsFollowedBySIGHUP(t *testing.T) {
	r, file := startWithIDs(t, "acme\nold\n")
	want := func(when string, statuses map[string]int) {
		t.Helper()
		for id, status := range statuses {
			if got := r.requestStatus(t, id+".example.com"); got != status {
				t.Errorf("%s %s: status %d, want %d", when, id, got, status)
			}
		}
	}
	want("at the start", map[string]int{"acme": 403, "old": 403, "new": 421})
	replaceIDs(t, file, "acme\nnew\n")
	r.hangups <- syscall.SIGHUP
	r.await(t, r.stderr, `the configuration was reloaded.*"tenants": ?2`)
	want("after a reload", map[string]int{"acme": 403, "old": 421, "new": 403})

	replaceIDs(t, file, "acme\nnew\n-\nacme\n")
	response, text := r.reload(t)
	if response.StatusCode != 422 || strings.Count(text, `"detail"`) != 2 || !strings.Contains(text, "ids.txt:3: ") || !strings.Contains(text, "ids.txt:4: duplicate tenant id") {
		t.Errorf("mistakes: %d %s", response.StatusCode, text)
	}
	want("after mistakes", map[string]int{"acme": 403, "old": 421, "new": 403})
}

func TestIDsFile_EachTenantHasItsUpstreamAndCheck(t *testing.T) {
	up := startServer(t, hello)
	_, port, _ := strings.Cut(strings.TrimPrefix(up, "http://"), ":")
	file := filepath.Join(t.TempDir(), "ids.txt")
	replaceIDs(t, file, "1\n2\n")
	r := startReloadable(t, "defaults: {upstream_check: {path: /, timeout: 1s}}\ntenants:\n"+
		"- {ids_file: '"+file+"', hosts: ['{id}.example.com'], upstream: 'http://127.0.0.{id}:"+port+"'}\n")
	if response, text := send(t, "GET", r.tenants+"/", "", "Host: 1.example.com"); response.StatusCode != 200 || text != "hello" {
		t.Errorf("%d %s", response.StatusCode, text)
	}
	var ready string
	for end := time.Now().Add(testTimeout); time.Now().Before(end); {
		_, ready = send(t, "GET", r.admin+"/readyz", "")
		if strings.Contains(ready, `{"tenant":"1","up":true`) && strings.Contains(ready, `{"tenant":"2","up":false`) {
			return
		}
	}
	t.Errorf("readiness %s, want tenant 1 up and 2 down", ready)
}

func TestServe_RefusesOriginFlagWithIDsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ids.txt")
	replaceIDs(t, file, "a\n")
	status, _, stderr := runCommand(t, Environment{}, "serve", "--check", "--origin", "https://a.example",
		"--config", writeConfig(t, "tenants: [{ids_file: '"+file+"', hosts: ['{id}.x'], upstream: 'http://u'}]\n"))
	if status != exitUsage || !strings.Contains(stderr, "--origin: the tenant has an ids_file, so the flag is ambiguous") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// The tenants of a file have the patterns of their entry, or of the defaults.
func TestIDsFile_TenantsMayHavePatterns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ids.txt")
	replaceIDs(t, file, "acme\n")
	up := startServer(t, func(http.ResponseWriter, *http.Request) {})
	config := func(patterns string) string {
		return "defaults: {upstream: '" + up + "', patterns: " + patterns + "}\ntenants: [{ids_file: '" + file + "', hosts: ['{id}.example.com']}]\n"
	}
	r := startReloadable(t, config("own"))
	response, text := send(t, "POST", r.tenants+collection, `{"name":"previews","validOrigins":["https://pr-*.acme.example"]}`,
		"Host: acme.example.com", r.bearer, "Content-Type: application/json")
	if response.StatusCode != 201 {
		t.Fatalf("%d %s", response.StatusCode, text)
	}
	status := func() int {
		response, _ := send(t, "GET", r.tenants+"/", "", "Host: acme.example.com", "Origin: https://pr-7.acme.example")
		return response.StatusCode
	}
	if got := status(); got != 200 {
		t.Errorf("status %d, want 200", got)
	}
	r.replaceConfig(t, config("none"))
	r.reload(t)
	if got := status(); got != 403 {
		t.Errorf("after patterns: none: status %d, want 403", got)
	}
}
