package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"originwarden/cmd/originwarden/demo"
)

// reloadableGateway is a gateway whose configuration file can be replaced.
type reloadableGateway struct {
	*runningCommand
	file    string
	hangups chan os.Signal
	bearer  string // of an administrator of all tenants
}

// startReloadable starts a gateway with a store in a new directory.
func startReloadable(t *testing.T, configuration string) *reloadableGateway {
	t.Helper()
	dir := t.TempDir()
	r := &reloadableGateway{file: writeConfig(t, configuration), hangups: make(chan os.Signal, 1)}
	env := Environment{Hangup: func() (<-chan os.Signal, func()) { return r.hangups, func() {} }}
	r.runningCommand = startCommand(t, env, "serve", "--config", r.file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	t.Cleanup(func() {
		if status := r.stop(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, r.stderr)
		}
	})
	found := r.await(t, r.stdout, readyLine)
	r.tenants, r.admin, r.decide = "http://"+found[1], "http://"+found[2], found[3]
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	r.bearer = "Authorization: Bearer " + strings.TrimSpace(string(token))
	return r
}

// replaceConfig replaces the configuration file without a reload.
func (r *reloadableGateway) replaceConfig(t *testing.T, configuration string) {
	t.Helper()
	if err := os.WriteFile(r.file, []byte(inLane(configuration)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload reloads the configuration through the admin address.
func (r *reloadableGateway) reload(t *testing.T) (*http.Response, string) {
	t.Helper()
	return send(t, "POST", r.admin+"/reload", "", r.bearer)
}

const unlistedOrigin = "Origin: https://strange.example"

// requestStatus returns the status of a request to host from an unlisted origin.
func (r *reloadableGateway) requestStatus(t *testing.T, host string) int {
	t.Helper()
	response, _ := send(t, "GET", r.tenants+"/", "", "Host: "+host, unlistedOrigin)
	return response.StatusCode
}

func TestReload_AppliesTenantsAndModes(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, hosts: [acme.example], upstream: '"+up+"'}]\n")
	if got := r.requestStatus(t, "acme.example"); got != 403 {
		t.Errorf("before the reload: status %d, want 403", got)
	}
	if got := r.requestStatus(t, "new.example"); got != 421 {
		t.Errorf("new tenant before the reload: status %d, want 421", got)
	}
	r.replaceConfig(t, "tenants: [{id: acme, hosts: [acme.example], mode: report, upstream: '"+up+"'}, {id: new, hosts: [new.example], upstream: '"+up+"'}]\n")
	response, text := r.reload(t)
	if response.StatusCode != 200 || text != `{"tenants":2,"waitForRestart":[]}`+"\n" {
		t.Fatalf("%d %s", response.StatusCode, text)
	}
	if got := r.requestStatus(t, "acme.example"); got != 200 {
		t.Errorf("mode report: status %d, want 200", got)
	}
	if got := r.requestStatus(t, "new.example"); got != 403 {
		t.Errorf("new tenant after the reload: status %d, want 403", got)
	}
	r.replaceConfig(t, "tenants: [{id: new, hosts: [new.example], upstream: '"+up+"'}]\n")
	r.reload(t)
	if got := r.requestStatus(t, "acme.example"); got != 421 {
		t.Errorf("removed tenant: status %d, want 421", got)
	}
	_, metrics := send(t, "GET", r.admin+"/metrics", "")
	if !strings.Contains(metrics, `originwarden_config_reloads_total{outcome="ok"} 2`) || strings.Contains(metrics, `tenant="acme"`) || !strings.Contains(metrics, `tenant="new"`) {
		t.Errorf("got metrics\n%s", metrics)
	}
}

func TestReload_AppliesCORSOfTenant(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, hosts: [acme.example], upstream: '"+up+"'}, {id: other, hosts: [other.example], upstream: '"+up+"'}]\n")
	const global = "GET, HEAD, POST, PUT, PATCH, DELETE; 600; true"
	for _, step := range []struct{ cors, acme, other string }{
		{"{}", global, global},
		{"{methods: [PURGE], max_age: 5s, credentials: false}", "PURGE; 5; ", global},
		{"{max_age: 1h}", "GET, HEAD, POST, PUT, PATCH, DELETE; 3600; true", global},
	} {
		r.replaceConfig(t, "tenants: [{id: acme, hosts: [acme.example], cors: "+step.cors+", upstream: '"+up+"'}, {id: other, hosts: [other.example], upstream: '"+up+"'}]\n")
		if response, text := r.reload(t); response.StatusCode != 200 {
			t.Fatalf("%d %s", response.StatusCode, text)
		}
		for host, want := range map[string]string{"acme.example": step.acme, "other.example": step.other} {
			response, _ := send(t, "OPTIONS", r.tenants+"/", "", "Host: "+host, "Origin: https://"+host, "Access-Control-Request-Method: GET")
			header := response.Header
			if got := header.Get("Access-Control-Allow-Methods") + "; " + header.Get("Access-Control-Max-Age") + "; " + header.Get("Access-Control-Allow-Credentials"); got != want {
				t.Errorf("%s with cors %s: got %q, want %q", host, step.cors, got, want)
			}
		}
	}
	response, _ := send(t, "OPTIONS", r.tenants+"/", "", "Host: acme.example", "Origin: https://acme.example", "Access-Control-Request-Method: PURGE")
	if response.StatusCode != 403 {
		t.Errorf("method of a tenant's earlier cors: status %d, want 403", response.StatusCode)
	}
}

func TestReload_AppliesPublicPaths(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, hosts: [acme.example], upstream: '"+up+"'}]\n")
	for _, step := range []struct {
		paths  string
		status int
	}{{"[/]", 200}, {"[/other]", 403}, {"[/*]", 200}, {"[]", 403}} {
		r.replaceConfig(t, "tenants: [{id: acme, hosts: [acme.example], public_paths: "+step.paths+", upstream: '"+up+"'}]\n")
		if response, text := r.reload(t); response.StatusCode != 200 {
			t.Fatalf("%d %s", response.StatusCode, text)
		}
		if got := r.requestStatus(t, "acme.example"); got != step.status {
			t.Errorf("public_paths %s: status %d, want %d", step.paths, got, step.status)
		}
	}
}

func TestReload_RejectsInvalidConfiguration(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	r.replaceConfig(t, "tenants: [{id: acme, mode: report, upstream: '"+up+"'}]\nnonsense: 1\nlog: {level: loud}\n")
	response, text := r.reload(t)
	var problems struct {
		Errors []struct{ Code, Detail string }
	}
	if err := json.Unmarshal([]byte(text), &problems); err != nil || response.StatusCode != 422 || len(problems.Errors) != 2 ||
		!strings.HasSuffix(problems.Errors[0].Detail, `:2: unknown key "nonsense"`) || !strings.Contains(problems.Errors[1].Detail, ":3: ") {
		t.Errorf("%d %s", response.StatusCode, text)
	}
	if got := r.requestStatus(t, "localhost"); got != 403 {
		t.Errorf("after the reload: status %d", got)
	}
	r.await(t, r.stderr, `reloading the configuration failed`)
	_, metrics := send(t, "GET", r.admin+"/metrics", "")
	if !strings.Contains(metrics, `originwarden_config_reloads_total{outcome="failed"} 1`) || !strings.Contains(metrics, "originwarden_config_last_reload_successful 0") {
		t.Errorf("got metrics\n%s", metrics)
	}
}

func TestReload_ReportsKeysThatNeedRestart(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	r.replaceConfig(t, "tenants: [{id: acme, mode: report, upstream: '"+up+"'}]\ncache: {tenants: 5}\nlog: {access: false}\n")
	if _, text := r.reload(t); text != `{"tenants":1,"waitForRestart":["cache","log.access"]}`+"\n" {
		t.Errorf("got %s", text)
	}
	if got := r.requestStatus(t, "localhost"); got != 200 {
		t.Errorf("mode report: status %d, want 200", got)
	}
}

func TestReload_OnSignal(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	r.replaceConfig(t, "tenants: [{id: acme, mode: report, upstream: '"+up+"'}]\n")
	r.hangups <- syscall.SIGHUP
	r.await(t, r.stderr, `the configuration was reloaded`)
	if got := r.requestStatus(t, "localhost"); got != 200 {
		t.Errorf("after the reload: status %d", got)
	}
}

func TestReload_SignalDuringStartIsHandled(t *testing.T) {
	dir := t.TempDir()
	startGateway(t, dir, tenantConfig("http://127.0.0.1:1")) // locks the store
	subscribed := make(chan struct{})
	env := noListeners(t)
	env.Hangup = func() (<-chan os.Signal, func()) {
		close(subscribed)
		return nil, func() {}
	}
	second := startCommand(t, env, "serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	select {
	case <-subscribed:
	case <-second.exited:
		t.Fatal("exited before handling SIGHUP")
	}
	second.stop(t)
}

func TestReload_RequiresAdminToken(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	for _, c := range []struct {
		method  string
		headers []string
		status  int
	}{
		{"POST", nil, 401},
		{"POST", []string{"Authorization: Bearer nonsense"}, 401},
		{"POST", []string{r.bearer, "Origin: " + r.admin}, 403},
		{"GET", []string{r.bearer}, 405},
		{"POST", []string{r.bearer}, 200},
	} {
		if response, text := send(t, c.method, r.admin+"/reload", "", c.headers...); response.StatusCode != c.status {
			t.Errorf("%s %q: %d %s", c.method, c.headers, response.StatusCode, text)
		}
	}
}

func TestReload_AppliesTokens(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	status, line, _ := runCommand(t, Environment{}, "token", "--tenant", "acme", "--role", "admin", "--subject", "new")
	if status != exitDone {
		t.Fatal(line)
	}
	t.Log(line)
	lines := strings.Split(strings.TrimSpace(line), "\n")
	r.replaceConfig(t, "tenants: [{id: acme, upstream: '"+up+"'}]\napi:\n  tokens:\n    "+strings.TrimSpace(lines[len(lines)-1])+"\n")
	if response, text := r.reload(t); response.StatusCode != 200 {
		t.Fatal(text)
	}
	if response, _ := send(t, "GET", r.tenants+collection, "", r.bearer); response.StatusCode != 401 {
		t.Errorf("old token at the API: %s", response.Status)
	}
	if response, _ := send(t, "POST", r.admin+"/reload", "", r.bearer); response.StatusCode != 401 {
		t.Errorf("old token at the admin address: %s", response.Status)
	}
}

func TestReload_CompletesRequestsInFlight(t *testing.T) {
	tenant := startBlockingTenant(t)
	r := startReloadable(t, "tenants: [{id: acme, upstream: '"+tenant.url+"'}]\n")
	result := tenant.sendRequest(r.runningCommand)
	r.replaceConfig(t, "tenants: [{id: other, hosts: [other.example], upstream: '"+tenant.url+"'}]\ntimeouts: {upstream_response: 1h, idle: 1h}\n")
	r.reload(t)
	if got := r.requestStatus(t, "127.0.0.1"); got != 421 {
		t.Errorf("removed tenant: status %d, want 421", got)
	}
	close(tenant.release)
	if got := <-result; got.err != nil || got.text != "hello" {
		t.Errorf("request in flight got %q, %v", got.text, got.err)
	}
}

func TestReload_ClosesWebSocketsOfRefusedOrigins(t *testing.T) {
	up := startServer(t, demo.Tenant().ServeHTTP)
	config := func(public, more string) string {
		return "tenants: [{id: acme, hosts: [127.0.0.1], public_origins: ['" + public + "'], upstream: '" + up + "'" + more + "}]\n"
	}
	const page = "https://page.example"
	r := startReloadable(t, config(page, ""))
	refused, kept := dialWebSocket(t, r.runningCommand, page), dialWebSocket(t, r.runningCommand, page)
	r.replaceConfig(t, config("https://other.example", ", mode: headers"))
	r.reload(t)
	if err := kept.Write(t.Context(), websocket.MessageText, []byte("x")); err != nil {
		t.Errorf("mode headers: %v", err)
	}
	if _, text, err := kept.Read(t.Context()); err != nil || string(text) != "x" {
		t.Errorf("mode headers: %q, %v", text, err)
	}
	r.replaceConfig(t, config("https://other.example", ""))
	r.reload(t)
	if status := readCloseStatus(t, refused); status != websocket.StatusPolicyViolation {
		t.Errorf("close status %v", status)
	}
}

func TestReloadCommand_PrintsOutcome(t *testing.T) {
	up := startServer(t, hello)
	r := startReloadable(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	env := clientEnvironment("", strings.TrimPrefix(r.bearer, "Authorization: Bearer "))
	r.replaceConfig(t, "tenants: [{id: acme, upstream: '"+up+"'}, {id: new, hosts: [new.example], upstream: '"+up+"'}]\nlog: {access: false}\n")
	status, stdout, stderr := runCommand(t, env, "reload", "--admin", r.admin)
	if want := r.admin + ": reloaded; tenants: 2; a restart is needed for: log.access\n"; status != exitDone || stdout != want || stderr != "" {
		t.Errorf("%d %s%s", status, stdout, stderr)
	}
	r.replaceConfig(t, "nonsense: 1\n")
	if status, _, stderr = runCommand(t, env, "reload", "--admin", r.admin); status != exitFailed || !strings.Contains(stderr, `unknown key "nonsense"`) || !strings.Contains(stderr, "there are no tenants") {
		t.Errorf("invalid configuration: exit status %d\n%s", status, stderr)
	}
	if status, _, stderr = runCommand(t, clientEnvironment("", ""), "reload"); status != exitUsage || !strings.Contains(stderr, "there is no token") {
		t.Errorf("without a token: exit status %d\n%s", status, stderr)
	}
}
