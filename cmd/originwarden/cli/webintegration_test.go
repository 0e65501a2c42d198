package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/api/client"
	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// testAPI is the API of the tenant acme on a SQLite store, and the environment of
// commands that use it.
type testAPI struct {
	t       *testing.T
	env     Environment
	store   store.Store
	handler http.Handler
	url     string

	patterns origins.Patterns
}

const apiToken = "ow_of_acme"

func startAPI(t *testing.T) *testAPI {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{
		Path:    filepath.Join(t.TempDir(), "lists.db"),
		Limits:  store.Limits{Integrations: 1000, Origins: 10_000},
		History: store.Retention{Records: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	a := &testAPI{t: t, store: s}
	a.handler = api.New(api.Config{
		Store: s,
		Lists: lists.New(lists.Config{Store: s, Bounds: lists.Bounds{Tenants: 1, Origins: 10_000}, Timeout: testTimeout}),
		Settings: api.Settings{
			Auth:    auth.Settings{Tokens: []auth.Token{{Subject: "ops", Tenant: "acme", Role: auth.Admin, SHA256: sha256.Sum256([]byte(apiToken))}}},
			Limits:  api.Limits{Origins: 100, Body: 1 << 20},
			Timeout: testTimeout,

			Patterns: func(string) origins.Patterns { return a.patterns },
		},
	}).Tenant("acme")
	a.url = startServer(t, a.handler.ServeHTTP)
	a.env = clientEnvironment(a.url, apiToken)
	return a
}

// clientEnvironment returns an environment with a server and a token.
func clientEnvironment(server, token string) Environment {
	return Environment{Getenv: func(name string) string {
		return map[string]string{"ORIGINWARDEN_SERVER": server, "ORIGINWARDEN_TOKEN": token}[name]
	}}
}

// run runs a web-integration command, which must succeed, and returns its output.
func (api *testAPI) run(args ...string) string {
	api.t.Helper()
	status, stdout, stderr := runCommand(api.t, api.env, append([]string{"web-integration"}, args...)...)
	if status != exitDone || stderr != "" {
		api.t.Errorf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
	}
	return stdout
}

// create stores a web integration that was created in 2020.
func (api *testAPI) create(name string, entries ...string) store.WebIntegration {
	api.t.Helper()
	then := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	id := store.NewID()
	for strings.HasPrefix(id, "-") { // would be parsed as a flag
		id = store.NewID()
	}
	w, err := api.store.Create(api.t.Context(), store.WebIntegration{
		ID: id, TenantID: "acme", Name: name, CreatedBy: "someone", Created: then, LastUpdated: then.Add(time.Hour), ValidOrigins: entries,
	})
	if err != nil {
		api.t.Fatal(err)
	}
	return w
}

// onlyIntegration returns the only web integration in the store.
func (api *testAPI) onlyIntegration() store.WebIntegration {
	api.t.Helper()
	_, all, err := api.store.Load(context.Background(), "acme")
	if err != nil || len(all) != 1 {
		api.t.Fatalf("store has %+v, %v, want one web integration", all, err)
	}
	return all[0]
}

// get returns the body of the API's response to a GET request.
func (api *testAPI) get(path string) string {
	api.t.Helper()
	_, text := send(api.t, "GET", api.url+path, "", "Authorization: Bearer "+apiToken)
	return text
}

func TestWebIntegrationGet_PrintsIntegration(t *testing.T) {
	api := startAPI(t)
	w := api.create("n <&>", "https://a.example", "https://b.example")
	want := fmt.Sprintf(""+
		"ID       %s\nNAME     n <&>\nTENANT   acme\nCREATED  2020-02-29T23:59:58Z\nBY       someone\nUPDATED  2020-03-01T00:59:58Z\nETAG     \"%d\"\n"+
		"ORIGINS  https://a.example\n         https://b.example\n", w.ID, w.Revision)
	if got := api.run("get", w.ID); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := api.run("get", "-q", w.ID); got != w.ID+"\n" {
		t.Errorf("-q: %q", got)
	}
	if got, want := api.run("get", "--raw", w.ID), api.get(collection+"/"+w.ID); got != want {
		t.Errorf("--raw:\n%s\n%s", got, want)
	}
	want = fmt.Sprintf(`{
  "id": "%s",
  "name": "n <&>",
  "created": "2020-02-29T23:59:58Z",
  "lastUpdated": "2020-03-01T00:59:58Z",
  "tenantId": "acme",
  "createdBy": "someone",
  "validOrigins": [
    "https://a.example",
    "https://b.example"
  ]
}
`, w.ID)
	if got := api.run("get", "--json", w.ID); got != want {
		t.Errorf("--json:\n%s", got)
	}
	if got := api.run("get", "--json", api.create("m").ID); !strings.Contains(got, `"validOrigins": []`) {
		t.Errorf("--json without origins:\n%s", got)
	}
}

func TestWebIntegrationRm_ContinuesAfterError(t *testing.T) {
	api := startAPI(t)
	a, b, c := api.create("a"), api.create("b"), api.create("c")
	if got := api.run("rm", a.ID); got != "deleted "+a.ID+", in force from revision 4\n" {
		t.Errorf("got %q", got)
	}
	status, stdout, stderr := runCommand(t, api.env, "web-integration", "rm", "-q", a.ID, b.ID, "..", c.ID)
	if status != exitFailed || stdout != b.ID+"\n"+c.ID+"\n" || strings.Count(stderr, "originwarden: ") != 1 ||
		!strings.HasPrefix(stderr, "originwarden: deleting "+a.ID+": 404 Not Found\n  Not found (WEBINTEGRATIONS_NOT_FOUND)\n  trace id ") ||
		!strings.HasSuffix(stderr, "\ndeleting ..: invalid id \"..\": not found\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if got := api.run("ls", "-q"); got != "" {
		t.Errorf("left: %s", got)
	}
	if status, _, stderr = runCommand(t, clientEnvironment("acme", apiToken), "web-integration", "rm", "a", "b"); status != exitUsage || strings.Count(stderr, "the server is not a URL") != 1 {
		t.Errorf("without a server: exit status %d\n%s", status, stderr)
	}
}

func TestWebIntegration_SendsIfMatch(t *testing.T) {
	api := startAPI(t)
	w := api.create("n")
	status, _, stderr := runCommand(t, api.env, "web-integration", "patch", w.ID, "--path", "/name", "--value", "m", "--if-match", `"77"`)
	if status != exitFailed || !strings.Contains(stderr, ": 412 Precondition Failed\n  Precondition failed: ") || api.onlyIntegration().Name != "n" {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	tag := fmt.Sprint(w.Revision) // without its quotes
	api.run("patch", w.ID, "--path", "/name", "--value", "m", "--if-match", tag)
	if status, _, stderr = runCommand(t, api.env, "web-integration", "rm", w.ID, "--if-match", tag); status != exitFailed || !strings.Contains(stderr, ": 412 ") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	api.run("rm", w.ID, "--if-match", fmt.Sprintf(`"%d"`, api.onlyIntegration().Revision))
}

func TestWebIntegration_PrefersFlagsOverEnvironment(t *testing.T) {
	api := startAPI(t)
	w := api.create("n")
	file, empty := filepath.Join(t.TempDir(), "token"), filepath.Join(t.TempDir(), "empty")
	for name, text := range map[string]string{file: apiToken + "\n", empty: "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refuses := startServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
	for _, row := range []struct {
		rule   string
		env    Environment
		args   []string
		status int
		stderr string
	}{
		{"environment", clientEnvironment(api.url, apiToken), nil, exitDone, ""},
		{"server with a slash", clientEnvironment(api.url+"/", apiToken), nil, exitDone, ""},
		{"--server", clientEnvironment(refuses, apiToken), []string{"--server", api.url}, exitDone, ""},
		{"-s", clientEnvironment("", apiToken), []string{"-s", api.url}, exitDone, ""},
		{"--token-file", clientEnvironment(api.url, "other"), []string{"--token-file", file}, exitDone, ""},
		{"unknown token", clientEnvironment(api.url, "other-token"), nil, exitFailed, "reading " + w.ID + ": 401 Unauthorized\n  Unauthorized (AUTH-1)\n  trace id "},
		{"error without a document", clientEnvironment(refuses, apiToken), nil, exitFailed, "reading " + w.ID + ": GET " + refuses + collection + "/" + w.ID + ": 401 Unauthorized\n"},
		{"no server", clientEnvironment("", apiToken), nil, exitUsage, "there is no server: set ORIGINWARDEN_SERVER, or give --server\n"},
		{"no token", clientEnvironment(api.url, ""), nil, exitUsage, "there is no token: set ORIGINWARDEN_TOKEN, or give --token-file\n"},
		{"server without a scheme", clientEnvironment("acme.example.com", apiToken), nil, exitUsage, "the server is not a URL such as https://"},
		{"empty token file", clientEnvironment(api.url, apiToken), []string{"--token-file", empty}, exitUsage, "--token-file: " + empty + " is empty\n"},
		{"both lines of a token", clientEnvironment(api.url, apiToken+"\n- {subject: ops}"), nil, exitUsage, "give only the first line that originwarden token prints\n"},
		{"missing token file", clientEnvironment(api.url, apiToken), []string{"--token-file", file + "x"}, exitUsage, "--token-file: open "},
		{"unreachable server", clientEnvironment("http://127.0.0.1:1", apiToken), nil, exitFailed, "reading " + w.ID + `: Get "http://127.0.0.1:1` + collection},
	} {
		status, stdout, stderr := runCommand(t, row.env, append([]string{"web-integration", "get", "-q", w.ID}, row.args...)...)
		if status != row.status || (stdout == w.ID+"\n") != (status == exitDone) || !containsOrEmpty(stderr, cmp.Or(row.stderr, stderr)) || (stderr == "") != (status == exitDone) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
		if strings.Contains(stderr, apiToken) || strings.Contains(stderr, "other-token") {
			t.Errorf("%s: the token is printed: %s", row.rule, stderr)
		}
	}
}

func TestWebIntegration_ReportsUsageErrors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s", r.Method, r.URL) }))
	defer server.Close()
	broken := writeConfig(t, `{"name":"n"} x`)
	unknown, empty := writeConfig(t, `{"name":"n","tenantId":"acme"}`), writeConfig(t, "")
	for _, row := range []struct {
		args   string
		stderr string
	}{
		{"lss", `unknown command "lss" for "originwarden web-integration"`},
		{"ls x", `ls takes no arguments, but got "x"`},
		{"ls --limit 0", "--limit must be at least 1"},
		{"ls --limit -1", "--limit must be at least 1"},
		{"ls --limit abc", "--limit"},
		{"ls --token secret", "unknown flag: --token"},
		{"ls -q --raw", "[quiet raw]"},
		{"ls --json --raw", "[json raw]"},
		{"get", "get needs ID\n"},
		{"get a b", `get takes only ID, but got "b" too`},
		{"rm", "rm needs ID...\n"},
		{"rm a b --if-match 1", "--if-match is for one id"},
		{"create", "there is no name: give --name"},
		{"create --validOrigins https://a.example", "there is no name: give --name"},
		{"create x --name n", `create takes no arguments, but got "x"`},
		{"create -f " + broken, "--file: unexpected data after the JSON value"},
		{"create -f " + empty, "--file: it is empty\n"},
		{"create -f " + unknown, `--file: json: unknown field "tenantId"`},
		{"create -f " + broken + ".missing", "--file: open "},
		{"patch", "patch needs ID\n"},
		{"patch x", "[path body file]"},
		{"patch x --path /name", "[path value]"},
		{"patch x --value n", "[path value]"},
		{"patch x --op replace", "[path body file]"},
		{"patch x --path /name --value n --body []", "[path body]"},
		{"patch x --path /name --value a --value b", "--value can be repeated only for /validOrigins"},
		{"patch x --body {}", "--body: json: cannot unmarshal object"},
		{"patch x --body [", "--body: unexpected EOF"},
		{"patch x --body [] --file " + broken, "[body file]"},
	} {
		args := append([]string{"web-integration"}, strings.Fields(row.args)...)
		status, stdout, stderr := runCommand(t, clientEnvironment(server.URL, apiToken), args...)
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
}

func TestWebIntegration_WaitsForRateLimit(t *testing.T) {
	api := startAPI(t)
	requests := 0
	limited := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(429)
			return
		}
		api.handler.ServeHTTP(w, r)
	})
	status, stdout, stderr := runCommand(t, clientEnvironment(limited, apiToken), "web-integration", "ls", "-q")
	if status != exitDone || stdout != "" || stderr != "originwarden: the server limits the rate of requests, waiting for 1s\n" {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestWebIntegration_WorksThroughTheGateway(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	api := &testAPI{t: t, env: clientEnvironment(r.tenants, "")}
	tokenFile := filepath.Join(dir, adminTokenName)
	var ids []string
	for _, name := range []string{"a", "b", "c"} {
		ids = append(ids, strings.TrimSpace(api.run("create", "--token-file", tokenFile, "-q", "--name", name, "--validOrigins", "https://a.example")))
	}
	if got := strings.Fields(api.run("ls", "--token-file", tokenFile, "-q")); !slices.Equal(got, ids) {
		t.Errorf("listed %q, want %q", got, ids)
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	c := client.Client{Server: r.tenants, Token: strings.TrimSpace(string(token)), HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	for w, err := range c.All(t.Context(), client.ListOptions{Limit: 1}) {
		if err != nil || len(ids) == 0 || w.ID != ids[0] {
			t.Fatalf("%+v, %v, want %q", w, err, ids)
		}
		ids = ids[1:]
	}
	if len(ids) != 0 {
		t.Errorf("not listed: %q", ids)
	}
	preflight := []string{"Origin: https://a.example", "Access-Control-Request-Method: GET"}
	if response, _ := send(t, "OPTIONS", r.tenants+"/", "", preflight...); response.StatusCode != 204 {
		t.Errorf("preflight of a listed origin: status %d, want 204", response.StatusCode)
	}
}
