package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/api/client"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// programAt returns a function that runs the program as a process of its own, against
// the server.
func programAt(t *testing.T, server, token string) func(stdin string, args ...string) (status int, stdout, stderr string) {
	return func(stdin string, args ...string) (int, string, string) {
		t.Helper()
		cmd := exec.Command(os.Args[0], args...)
		cmd.Stdin = strings.NewReader(stdin)
		cmd.Env = []string{envRunCommand + "=1", "ORIGINWARDEN_SERVER=" + server, "ORIGINWARDEN_TOKEN=" + token}
		p := startProcess(t, cmd)
		status := p.wait(t)
		return status, p.stdout.String(), p.stderr.String()
	}
}

func TestApply_TakesEffectOnGateway(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	run := programAt(t, r.tenants, readAdminToken(t, dir))
	answer := func(origin string) int {
		response, _ := send(t, "GET", r.tenants, "", "Origin: "+origin)
		return response.StatusCode
	}
	for _, row := range []struct {
		lists         string
		args          string
		status        int
		shop, staging int
	}{
		{`{"web_integrations": {"Shop": ["https://shop.example"]}}`, "--dry-run", 3, 403, 403},
		{`{"web_integrations": {"Shop": ["https://shop.example"]}}`, "", 0, 200, 403},
		{`{"web_integrations": {"Shop": ["https://shop.example"]}}`, "--dry-run", 0, 200, 403},
		{"web_integrations: {Staging: [https://staging.example], Shop: [https://Shop.example/]}", "", 0, 200, 200},
		{"web_integrations: {Staging: [https://staging.example]}", "", 0, 200, 200},
		{"web_integrations: {Staging: [https://staging.example]}", "--prune", 0, 403, 200},
		{"web_integrations: {}", "--prune", 1, 403, 200},
		{"web_integrations: {}", "--prune --yes", 0, 403, 403},
		{"web_integrations: {Shop: [https://shop.example/path]}", "", 1, 403, 403},
		{"web_integrations: {Shop: [https://shop.example]}", "--nothing", 2, 403, 403},
	} {
		status, stdout, stderr := run(row.lists, append([]string{"apply", "-f", "-"}, strings.Fields(row.args)...)...)
		if shop, staging := answer("https://shop.example"), answer("https://staging.example"); status != row.status || shop != row.shop || staging != row.staging {
			t.Errorf("%s %s: exit status %d, responses %d and %d\n%s%s", row.lists, row.args, status, shop, staging, stdout, stderr)
		}
	}
}

// hostileNames are names that YAML or a terminal could take for something else.
func hostileNames() []string {
	return []string{"yes", "null", "0x1", "1e3", "- a", ": ", "a: b", "a #b", "<<", "&a", "*a", "!!str", `"`, `'`, "{}", " ", "~", "?", "🚀", hostileName, "\ufeff", strings.Repeat("\U000e0001", 256), strings.Repeat("é", 256)}
}

// What export writes as YAML, from a store or a server, apply finds on the server.
func TestExport_WritesYAMLThatApplyTakesBack(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, "tenants: [{id: acme, hosts: ['*'], upstream: '"+startServer(t, hello)+"', patterns: hosted}]\napi: {rate_limits: {tier2: 0}}\n")
	token := readAdminToken(t, dir)
	run := programAt(t, r.tenants, token)
	if status, stdout, stderr := run("", "export", "--format", "yaml"); status != 0 || stdout != "web_integrations: {}\n" || stderr != "" {
		t.Errorf("nothing: exit status %d\n%s%s", status, stdout, stderr)
	}
	c := client.Client{Server: r.tenants, Token: token, MaxWait: -1}
	names := hostileNames()
	for i := range 80 {
		names = append(names, fmt.Sprint("name ", i))
	}
	entries := []string{"https://a.example", "HTTPS://A.example:443/", "http://[::1]:3000", "https://bücher.example", "capacitor://localhost", "app://-", "https://pr-*.example.com"}
	for i, name := range names {
		if _, err := c.Create(t.Context(), name, entries[:i%(len(entries)+1)]); err != nil {
			t.Fatal(err)
		}
	}
	status, text, stderr := run("", "export", "--format", "yaml")
	if status != 0 || stderr != "" || !isPrintable(text) {
		t.Fatalf("exit status %d\n%s%s", status, text, stderr)
	}
	file := filepath.Join(t.TempDir(), "lists.yaml")
	if got := mustRun(t, Environment{}, "export", "--store", "sqlite:"+filepath.Join(dir, "lists.db"), "--format", "yaml", "--output", file); got != fmt.Sprintf("exported %d web integrations to %s\n", len(names), file) {
		t.Errorf("got %s", got)
	}
	if fromStore, err := os.ReadFile(file); err != nil || string(fromStore) != text {
		t.Errorf("the store's export differs: %v\n%s\n%s", err, fromStore, text)
	}
	unchanged := fmt.Sprintf("0 created, 0 changed, 0 deleted, %d unchanged\n", len(names))
	if status, stdout, stderr := run(text, "apply", "-f", "-", "--dry-run", "--prune"); status != 0 || stdout != "dry run, nothing was written: "+unchanged {
		t.Errorf("dry run: exit status %d\n%s%s", status, stdout, stderr)
	}
	if status, stdout, stderr := run(text, "apply", "-f", "-", "--prune"); status != 0 || stdout != unchanged {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	otherDir := t.TempDir()
	other := startGateway(t, otherDir, "tenants: [{id: globex, hosts: ['*'], upstream: '"+startServer(t, hello)+"', patterns: hosted}]\napi: {rate_limits: {tier2: 0}}\n")
	runOther := programAt(t, other.tenants, readAdminToken(t, otherDir))
	if status, stdout, stderr := runOther(text, "apply", "-f", "-"); status != 0 || !isPrintable(stdout) || !strings.Contains(stdout, fmt.Sprintf("\n%d created, ", len(names))) {
		t.Errorf("to another server: exit status %d\n%s%s", status, stdout, stderr)
	}
	if _, again, _ := runOther("", "export", "--format", "yaml"); again != text {
		t.Errorf("the other server's export differs:\n%s", again)
	}
}

func TestExport_WritesYAMLOfOneTenant(t *testing.T) {
	two := newStoreFile(t, newIntegration("acme", "a", "https://a.example"), newIntegration("globex", "a"))
	twice := newStoreFile(t, newIntegration("acme", "a\u202e"), newIntegration("acme", "a\u202e"), newIntegration("acme", "b"))
	for _, row := range []struct {
		args   string
		status int
		stdout string
		stderr string
	}{
		{"--store " + two.url() + " --tenant acme", 0, "web_integrations:\n  a:\n    - https://a.example\n", ""},
		{"--store " + two.url() + " --tenant globex", 0, "web_integrations:\n  a: []\n", ""},
		{"--store " + two.url(), 1, "", "originwarden: exporting: YAML is for one tenant, and there are 2: give --tenant with one of acme, globex\n"},
		{"--store " + two.url() + " --tenant acme,globex", 1, "", "originwarden: exporting: YAML is for one tenant, and there are 2: give --tenant with one of acme, globex\n"},
		{"--store " + two.url() + " --tenant other", 1, "", "originwarden: exporting: the store never had a tenant \"other\"\n"},
		{"--store " + twice.url(), 1, "", " have the name \"a\\u202e\"\n"},
		{"--store " + two.url() + " --format xml", 2, "", "originwarden: --format must be jsonl or yaml, not \"xml\"\nrun originwarden export --help for usage\n"},
	} {
		status, stdout, stderr := runCommand(t, Environment{}, append([]string{"export", "--format", "yaml"}, strings.Fields(row.args)...)...)
		if status != row.status || stdout != row.stdout || !strings.HasSuffix(stderr, row.stderr) || !isPrintable(stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
}

// A server can send what no server of originwarden would.
func TestApply_EscapesServerText(t *testing.T) {
	hostile, _ := json.Marshal(hostileText)
	server := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"errors":[{"title":%s}]}`, hostile)
			return
		}
		if r.URL.Path != collection {
			fmt.Fprintf(w, `{"id":%s,"name":"Shop"}`, hostile)
			return
		}
		fmt.Fprintf(w, `{"data":[{"id":%s,"name":%[1]s,"validOrigins":[%[1]s]},{"id":"x","name":"Shop","validOrigins":[%[1]s]},{"id":"y","name":"Twice"},{"id":"\u009bz","name":"Twice"}]}`, hostile)
	})
	for _, row := range []struct {
		lists, args    string
		status         int
		stdout, stderr string
	}{
		{"{Shop: [https://a.example], b: []}", "--dry-run --prune", exitDiffers, `    - a\x1b[2J`, ""},
		{"{Shop: [https://a.example], b: []}", "--prune --yes", exitFailed, "0 created", `a\x1b[2J`},
		{"{Shop: [], Twice: []}", "--dry-run", exitFailed, "", `have the name Twice: y, \u009bz`},
	} {
		status, stdout, stderr := runApply(t, clientEnvironment(server, "t"), "web_integrations: "+row.lists, strings.Fields(row.args)...)
		if status != row.status || !strings.Contains(stdout, row.stdout) || !strings.Contains(stderr, row.stderr) || !isPrintable(stdout+stderr) {
			t.Errorf("%s %s: exit status %d\n%q\n%q", row.lists, row.args, status, stdout, stderr)
		}
	}
}

// The number of requests and the time do not grow faster than the lists.
func TestApply_HandlesTenThousandIntegrations(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads ten thousand web integrations")
	}
	const count = 10_000
	dir := t.TempDir()
	var lists strings.Builder
	lists.WriteString("web_integrations:\n")
	var made []store.Write
	for i := range count {
		w := newIntegration("acme", fmt.Sprint("n", i), fmt.Sprintf("https://%d.example", i), fmt.Sprintf("https://www.%d.example", i))
		made = append(made, store.Write{Tenant: "acme", ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return &w, nil }})
		fmt.Fprintf(&lists, "  n%d: [https://www.%[1]d.example, https://%[1]d.example]\n", i)
	}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "lists.db"), Limits: store.Limits{Integrations: count, Origins: 2 * count}})
	if err == nil {
		_, err = s.Batch(t.Context(), made)
	}
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	var reads, writes atomic.Int64
	to, _ := url.Parse(r.tenants)
	forward := httputil.NewSingleHostReverseProxy(to)
	proxy := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			reads.Add(1)
		} else {
			writes.Add(1)
		}
		forward.ServeHTTP(w, r)
	})
	file, token := writeLists(t, lists.String()), readAdminToken(t, dir)
	run := programAt(t, proxy, token)
	begin := time.Now()
	status, stdout, stderr := run("", "apply", "-f", file, "--prune")
	took := time.Since(begin)
	if status != 0 || stdout != "0 created, 0 changed, 0 deleted, 10000 unchanged\n" || reads.Load() > 2*count/100+2 || writes.Load() > 0 || took > 20*time.Second {
		t.Errorf("exit status %d after %v, %d reads, %d writes\n%s%s", status, took, reads.Load(), writes.Load(), stdout, stderr)
	}
	reads.Store(0)
	text := strings.Replace(lists.String(), "https://7.example", "https://seven.example", 1)
	status, stdout, stderr = run(text, "apply", "-f", "-", "--prune")
	if want := "~ n7\n    + https://seven.example\n    - https://7.example\n0 created, 1 changed, 0 deleted, 9999 unchanged"; status != 0 || !strings.HasPrefix(stdout, want) || writes.Load() != 1 || reads.Load() > 2*count/100+3 {
		t.Errorf("exit status %d, %d reads, %d writes\n%s%s", status, reads.Load(), writes.Load(), stdout, stderr)
	}
	t.Logf("%v for %d web integrations", took, count)
}
