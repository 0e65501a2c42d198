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

// reloading is a gateway whose configuration can be written anew.
type reloading struct {
	*running
	file    string
	hangups chan os.Signal
	bearer  string // of an administrator of all tenants
}

// serveFile serves a configuration that has a store in a new directory.
func serveFile(t *testing.T, configuration string) *reloading {
	t.Helper()
	dir := t.TempDir()
	r := &reloading{file: writeConfig(t, configuration), hangups: make(chan os.Signal, 1)}
	env := Environment{Hangup: func() (<-chan os.Signal, func()) { return r.hangups, func() {} }}
	r.running = start(t, env, "serve", "--config", r.file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	t.Cleanup(func() {
		if status := r.stop(t); status != exitDone {
			t.Errorf("exit status %d:\n%s", status, r.stderr)
		}
	})
	found := r.await(t, r.stdout, readyLine)
	r.tenants, r.admin = "http://"+found[1], "http://"+found[2]
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	r.bearer = "Authorization: Bearer " + strings.TrimSpace(string(token))
	return r
}

// rewrite replaces the configuration, and says nothing to the process.
func (r *reloading) rewrite(t *testing.T, configuration string) {
	t.Helper()
	if err := os.WriteFile(r.file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload has the process read its configuration.
func (r *reloading) reload(t *testing.T) (*http.Response, string) {
	t.Helper()
	return send(t, "POST", r.admin+"/reload", "", r.bearer)
}

const strange = "Origin: https://strange.example"

// status is that of a request of an origin that nobody lists, to a host.
func (r *reloading) status(t *testing.T, host string) int {
	t.Helper()
	response, _ := send(t, "GET", r.tenants+"/", "", "Host: "+host, strange)
	return response.StatusCode
}

func TestReload_TakesTenantsAndModes(t *testing.T) {
	up := upstream(t, hello)
	r := serveFile(t, "tenants: [{id: acme, hosts: [acme.example], upstream: '"+up+"'}]\n")
	if got := r.status(t, "acme.example"); got != 403 {
		t.Errorf("at first: %d", got)
	}
	if got := r.status(t, "new.example"); got != 421 {
		t.Errorf("of a tenant to come: %d", got)
	}
	r.rewrite(t, "tenants: [{id: acme, hosts: [acme.example], mode: report, upstream: '"+up+"'}, {id: new, hosts: [new.example], upstream: '"+up+"'}]\n")
	response, text := r.reload(t)
	if response.StatusCode != 200 || text != `{"tenants":2,"waitForRestart":[]}`+"\n" {
		t.Fatalf("%d %s", response.StatusCode, text)
	}
	if got := r.status(t, "acme.example"); got != 200 {
		t.Errorf("in report: %d", got)
	}
	if got := r.status(t, "new.example"); got != 403 {
		t.Errorf("of the new tenant: %d", got)
	}
	r.rewrite(t, "tenants: [{id: new, hosts: [new.example], upstream: '"+up+"'}]\n")
	r.reload(t)
	if got := r.status(t, "acme.example"); got != 421 {
		t.Errorf("of a tenant that is gone: %d", got)
	}
	_, metrics := send(t, "GET", r.admin+"/metrics", "")
	if !strings.Contains(metrics, `originwarden_config_reloads_total{outcome="ok"} 2`) || strings.Contains(metrics, `tenant="acme"`) || !strings.Contains(metrics, `tenant="new"`) {
		t.Errorf("the metrics are\n%s", metrics)
	}
}

func TestReload_OfABadConfigurationChangesNothingAndTellsEveryMistake(t *testing.T) {
	up := upstream(t, hello)
	r := serveFile(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	r.rewrite(t, "tenants: [{id: acme, mode: report, upstream: '"+up+"'}]\nnonsense: 1\nlog: {level: loud}\n")
	response, text := r.reload(t)
	var problems struct {
		Errors []struct{ Code, Detail string }
	}
	if err := json.Unmarshal([]byte(text), &problems); err != nil || response.StatusCode != 422 || len(problems.Errors) != 2 ||
		!strings.HasSuffix(problems.Errors[0].Detail, `:2: unknown key "nonsense"`) || !strings.Contains(problems.Errors[1].Detail, ":3: ") {
		t.Errorf("%d %s", response.StatusCode, text)
	}
	if got := r.status(t, "localhost"); got != 403 {
		t.Errorf("afterwards: %d", got)
	}
	r.await(t, r.stderr, `reloading the configuration failed`)
	_, metrics := send(t, "GET", r.admin+"/metrics", "")
	if !strings.Contains(metrics, `originwarden_config_reloads_total{outcome="failed"} 1`) || !strings.Contains(metrics, "originwarden_config_last_reload_successful 0") {
		t.Errorf("the metrics are\n%s", metrics)
	}
}

func TestReload_TellsWhatWaitsForTheNextStart(t *testing.T) {
	up := upstream(t, hello)
	r := serveFile(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	r.rewrite(t, "tenants: [{id: acme, mode: report, upstream: '"+up+"'}]\ncache: {tenants: 5}\nlog: {access: false}\n")
	if _, text := r.reload(t); text != `{"tenants":1,"waitForRestart":["cache","log.access"]}`+"\n" {
		t.Errorf("got %s", text)
	}
	if got := r.status(t, "localhost"); got != 200 {
		t.Errorf("what does not wait: %d", got)
	}
}

func TestReload_ComesWithTheSignal(t *testing.T) {
	up := upstream(t, hello)
	r := serveFile(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	r.rewrite(t, "tenants: [{id: acme, mode: report, upstream: '"+up+"'}]\n")
	r.hangups <- syscall.SIGHUP
	r.await(t, r.stderr, `the configuration was reloaded`)
	if got := r.status(t, "localhost"); got != 200 {
		t.Errorf("afterwards: %d", got)
	}
}

func TestReload_OfAServiceThatStartsWaitsUntilItHas(t *testing.T) {
	dir := t.TempDir()
	serving(t, dir, oneTenant("http://127.0.0.1:1")) // holds the lock
	subscribed := make(chan struct{})
	env := deaf(t)
	env.Hangup = func() (<-chan os.Signal, func()) {
		close(subscribed)
		return nil, func() {}
	}
	second := start(t, env, "serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:"+filepath.Join(dir, "lists.db"))
	select {
	case <-subscribed:
	case <-second.exited:
		t.Fatal("a hangup would have ended it")
	}
	second.stop(t)
}

func TestReload_IsForOperators(t *testing.T) {
	up := upstream(t, hello)
	r := serveFile(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
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

func TestReload_TakesTokensAndTheirRights(t *testing.T) {
	up := upstream(t, hello)
	r := serveFile(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	status, line, _ := execution(t, Environment{}, "token", "--tenant", "acme", "--role", "admin", "--subject", "new")
	if status != exitDone {
		t.Fatal(line)
	}
	t.Log(line)
	lines := strings.Split(strings.TrimSpace(line), "\n")
	r.rewrite(t, "tenants: [{id: acme, upstream: '"+up+"'}]\napi:\n  tokens:\n    "+strings.TrimSpace(lines[len(lines)-1])+"\n")
	if response, text := r.reload(t); response.StatusCode != 200 {
		t.Fatal(text)
	}
	if response, _ := send(t, "GET", r.tenants+collection, "", r.bearer); response.StatusCode != 401 {
		t.Errorf("the token from before: %s", response.Status)
	}
	if response, _ := send(t, "POST", r.admin+"/reload", "", r.bearer); response.StatusCode != 401 {
		t.Errorf("the operator from before: %s", response.Status)
	}
}

func TestReload_LetsWhatRunsComeToItsEnd(t *testing.T) {
	tenant := newBlocking(t)
	r := serveFile(t, "tenants: [{id: acme, upstream: '"+tenant.url+"'}]\n")
	answer := tenant.ask(r.running)
	r.rewrite(t, "tenants: [{id: other, hosts: [other.example], upstream: '"+tenant.url+"'}]\ntimeouts: {upstream_response: 1h, idle: 1h}\n")
	r.reload(t)
	if got := r.status(t, "127.0.0.1"); got != 421 {
		t.Errorf("of a tenant that is gone: %d", got)
	}
	close(tenant.release)
	if got := <-answer; got.err != nil || got.text != "hello" {
		t.Errorf("what ran got %q, %v", got.text, got.err)
	}
}

func TestReload_ClosesTheSocketsThatItRefuses(t *testing.T) {
	up := upstream(t, demo.Tenant().ServeHTTP)
	config := func(public, more string) string {
		return "tenants: [{id: acme, hosts: [127.0.0.1], public_origins: ['" + public + "'], upstream: '" + up + "'" + more + "}]\n"
	}
	const page = "https://page.example"
	r := serveFile(t, config(page, ""))
	refused, kept := connect(t, r.running, page), connect(t, r.running, page)
	r.rewrite(t, config("https://other.example", ", mode: headers"))
	r.reload(t)
	if err := kept.Write(t.Context(), websocket.MessageText, []byte("x")); err != nil {
		t.Errorf("in the mode headers: %v", err)
	}
	if _, text, err := kept.Read(t.Context()); err != nil || string(text) != "x" {
		t.Errorf("in the mode headers: %q, %v", text, err)
	}
	r.rewrite(t, config("https://other.example", ""))
	r.reload(t)
	if status := closing(t, refused); status != websocket.StatusPolicyViolation {
		t.Errorf("closed with %v", status)
	}
}

func TestReloadCommand_PrintsWhatCameOfIt(t *testing.T) {
	up := upstream(t, hello)
	r := serveFile(t, "tenants: [{id: acme, upstream: '"+up+"'}]\n")
	env := shell("", strings.TrimPrefix(r.bearer, "Authorization: Bearer "))
	r.rewrite(t, "tenants: [{id: acme, upstream: '"+up+"'}, {id: new, hosts: [new.example], upstream: '"+up+"'}]\nlog: {access: false}\n")
	status, stdout, stderr := execution(t, env, "reload", "--admin", r.admin)
	if want := r.admin + ": reloaded; tenants: 2; a restart is needed for: log.access\n"; status != exitDone || stdout != want || stderr != "" {
		t.Errorf("%d %s%s", status, stdout, stderr)
	}
	r.rewrite(t, "nonsense: 1\n")
	if status, _, stderr = execution(t, env, "reload", "--admin", r.admin); status != exitFailed || !strings.Contains(stderr, `unknown key "nonsense"`) || !strings.Contains(stderr, "there are no tenants") {
		t.Errorf("of a bad configuration: %d %s", status, stderr)
	}
	if status, _, stderr = execution(t, shell("", ""), "reload"); status != exitUsage || !strings.Contains(stderr, "there is no token") {
		t.Errorf("without a token: %d %s", status, stderr)
	}
}
