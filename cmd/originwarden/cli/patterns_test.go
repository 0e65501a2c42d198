package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"originwarden/cmd/originwarden/demo"
)

// patternConfig returns a configuration with these patterns.
func patternConfig(upstream, patterns string) string {
	return fmt.Sprintf("tenants: [{id: acme, hosts: ['*'], patterns: %s, upstream: '%s'}]\n", patterns, upstream)
}

// The key decides what can be written and what matches, and a reload applies it to
// requests, to the API and to open WebSockets.
func TestReload_AppliesPatterns(t *testing.T) {
	const page, create = "https://pr-1.example.com", `{"name":"previews","validOrigins":["https://pr-*.example.com"]}`
	up := startServer(t, demo.Tenant().ServeHTTP)
	r := startReloadable(t, patternConfig(up, "none"))
	write := func() (int, string) {
		response, text := send(t, "POST", r.tenants+collection, create, r.bearer, "Content-Type: application/json")
		return response.StatusCode, text
	}
	allowed := func() bool {
		response, _ := send(t, "GET", r.tenants+"/", "", "Origin: "+page)
		return response.Header.Get("Access-Control-Allow-Origin") == page && response.StatusCode != 403
	}
	if got, text := write(); got != 400 || !strings.Contains(text, "(patterns: none)") || !strings.Contains(text, "/validOrigins/0") {
		t.Errorf("none: status %d, %s", got, text)
	}
	r.replaceConfig(t, patternConfig(up, "own"))
	r.reload(t)
	if got, text := write(); got != 201 || !allowed() {
		t.Errorf("own: status %d, %s", got, text)
	}
	r.await(t, r.stderr, `"verdict":"allowed","reason":"listed".*"origin":"https://pr-1.example.com","entry":"https://pr-\*.example.com"`)
	socket := dialWebSocket(t, r.runningCommand, page)
	r.replaceConfig(t, patternConfig(up, "none"))
	r.reload(t)
	if got := readCloseStatus(t, socket); got != websocket.StatusPolicyViolation {
		t.Errorf("none again: close status %v", got)
	}
	if allowed() {
		t.Error("none again: the origin is allowed")
	}
	r.await(t, r.stderr, `"level":"warn".*allows fewer patterns than before.*"tenant":"acme","patterns":"none","before":"own"`)
	r.await(t, r.stderr, `"reason":"origin_not_listed".*"entry":"https://pr-\*.example.com".*"fix":"the tenant's key patterns does not allow`)
	_, refused := send(t, "GET", r.tenants+"/api/v1/refused-origins", "", r.bearer)
	if !strings.Contains(refused, `"relation":"pattern_not_allowed"`) {
		t.Error(refused)
	}
}

func TestImport_ChecksPatternsOfConfiguredTenants(t *testing.T) {
	file := exportFile(t, newIntegration("acme", "Previews", "https://pr-*.example.com"), newIntegration("elsewhere", "Previews", "https://proj-*.vercel.app"))
	for patterns, want := range map[string]string{
		"none": `line 3: /validOrigins/0 of "Previews": the entry has a *, which the tenant's configuration does not allow (patterns: none)`,
		"own":  "2 created, 0 changed, 0 unchanged\n",
	} {
		to := newStoreFile(t)
		config := writeConfig(t, patternConfig("http://127.0.0.1:1", patterns))
		for _, args := range [][]string{{"--dry-run"}, nil} {
			_, stdout, stderr := runCommand(t, Environment{}, append([]string{"import", "--config", config, "--store", to.url(), file}, args...)...)
			if !strings.Contains(stdout+stderr, want) {
				t.Errorf("%s %q: %s%s", patterns, args, stdout, stderr)
			}
		}
	}
	renamed := writeConfig(t, patternConfig("http://127.0.0.1:1", "own"))
	_, _, stderr := runCommand(t, Environment{}, "import", "--config", renamed, "--store", newStoreFile(t).url(), "--tenant", "acme=b,elsewhere=acme", file)
	if !strings.Contains(stderr, "line 5: ") || !strings.Contains(stderr, "(patterns: own)") {
		t.Errorf("renamed: %s", stderr)
	}
	ids := filepath.Join(t.TempDir(), "ids.txt")
	group := writeConfig(t, "tenants: [{ids_file: '"+ids+"', hosts: ['{id}.example.com'], patterns: own, upstream: 'http://127.0.0.1:1'}]\n")
	for text, want := range map[string]string{"": ids + ": the file has no ids", "a b\n": ids + ":1: ", "elsewhere\n": "(patterns: own)", "acme\n": "2 created"} {
		replaceIDs(t, ids, text)
		if _, stdout, stderr := runCommand(t, Environment{}, "import", "--config", group, "--store", newStoreFile(t).url(), file); !strings.Contains(stdout+stderr, want) {
			t.Errorf("ids %q: %s%s, want %q", text, stdout, stderr, want)
		}
	}
	// Without a configuration, the gateways that use the store decide.
	to := newStoreFile(t)
	if status, got, _ := runCommand(t, Environment{}, "import", "--store", to.url(), file); status != exitDone || !strings.Contains(got, "2 created") {
		t.Error(got)
	}
	if got := mustRun(t, Environment{}, "export", "--store", to.url()); !strings.Contains(got, `["https://proj-*.vercel.app"]`) {
		t.Error(got)
	}
}

func TestServe_OriginFlagChecksPatterns(t *testing.T) {
	for patterns, want := range map[string]string{"none": "(patterns: none)", "own": "configuration is valid"} {
		config := writeConfig(t, patternConfig("http://127.0.0.1:1", patterns))
		_, stdout, stderr := runCommand(t, Environment{}, "serve", "--check", "--config", config, "--store", "sqlite:"+t.TempDir()+"/lists.db", "--origin", "https://pr-*.example.com")
		if !strings.Contains(stdout+stderr, want) {
			t.Errorf("%s: %s%s", patterns, stdout, stderr)
		}
	}
}
