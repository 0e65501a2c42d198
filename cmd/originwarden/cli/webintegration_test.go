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
	"originwarden/store"
	"originwarden/store/sqlite"
)

// office is where an administrator of acme sits: a shell, and the API on a real
// store behind it.
type office struct {
	t     *testing.T
	env   Environment
	store store.Store
	api   http.Handler
	url   string
}

const officeToken = "ow_of_acme"

func newOffice(t *testing.T) *office {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{
		Path:   filepath.Join(t.TempDir(), "lists.db"),
		Limits: store.Limits{Integrations: 1000, Origins: 10_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o := &office{t: t, store: s}
	o.api = api.New(api.Config{
		Store: s,
		Lists: lists.New(lists.Config{Store: s, Bounds: lists.Bounds{Tenants: 1, Origins: 10_000}, Timeout: patience}),
		Settings: api.Settings{
			Auth:    auth.Settings{Tokens: []auth.Token{{Subject: "ops", Tenant: "acme", Role: auth.Admin, SHA256: sha256.Sum256([]byte(officeToken))}}},
			Limits:  api.Limits{Origins: 100, Body: 1 << 20},
			Timeout: patience,
		},
	}).Tenant("acme")
	o.url = upstream(t, o.api.ServeHTTP)
	o.env = shell(o.url, officeToken)
	return o
}

// shell is an environment with a server and a token.
func shell(server, token string) Environment {
	return Environment{Getenv: func(name string) string {
		return map[string]string{"ORIGINWARDEN_SERVER": server, "ORIGINWARDEN_TOKEN": token}[name]
	}}
}

// run runs a command of web-integration that succeeds, and returns what it
// prints.
func (o *office) run(args ...string) string {
	o.t.Helper()
	status, stdout, stderr := execution(o.t, o.env, append([]string{"web-integration"}, args...)...)
	if status != exitDone || stderr != "" {
		o.t.Errorf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
	}
	return stdout
}

// make makes a web integration that was created in another year.
func (o *office) make(name string, entries ...string) store.WebIntegration {
	o.t.Helper()
	then := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	id := store.NewID()
	for strings.HasPrefix(id, "-") { // which goes for a flag
		id = store.NewID()
	}
	w, err := o.store.Create(o.t.Context(), store.WebIntegration{
		ID: id, TenantID: "acme", Name: name, CreatedBy: "someone", Created: then, LastUpdated: then.Add(time.Hour), ValidOrigins: entries,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return w
}

// only returns the only web integration that there is.
func (o *office) only() store.WebIntegration {
	o.t.Helper()
	_, all, err := o.store.Load(context.Background(), "acme")
	if err != nil || len(all) != 1 {
		o.t.Fatalf("there are %+v, %v", all, err)
	}
	return all[0]
}

// request is what the API answers with to a GET.
func (o *office) request(path string) string {
	o.t.Helper()
	_, text := send(o.t, "GET", o.url+path, "", "Authorization: Bearer "+officeToken)
	return text
}

func TestWebIntegrationGet_PrintsOne(t *testing.T) {
	o := newOffice(t)
	w := o.make("n <&>", "https://a.example", "https://b.example")
	want := fmt.Sprintf(""+
		"ID       %s\nNAME     n <&>\nTENANT   acme\nCREATED  2020-02-29T23:59:58Z\nBY       someone\nUPDATED  2020-03-01T00:59:58Z\nETAG     \"%d\"\n"+
		"ORIGINS  https://a.example\n         https://b.example\n", w.ID, w.Revision)
	if got := o.run("get", w.ID); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := o.run("get", "-q", w.ID); got != w.ID+"\n" {
		t.Errorf("-q: %q", got)
	}
	if got, want := o.run("get", "--raw", w.ID), o.request(collection+"/"+w.ID); got != want {
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
	if got := o.run("get", "--json", w.ID); got != want {
		t.Errorf("--json:\n%s", got)
	}
	if got := o.run("get", "--json", o.make("m").ID); !strings.Contains(got, `"validOrigins": []`) {
		t.Errorf("--json without origins:\n%s", got)
	}
}

func TestWebIntegrationRm_DeletesWhatItCan(t *testing.T) {
	o := newOffice(t)
	a, b, c := o.make("a"), o.make("b"), o.make("c")
	if got := o.run("rm", a.ID); got != "deleted "+a.ID+", in force from revision 4\n" {
		t.Errorf("got %q", got)
	}
	status, stdout, stderr := execution(t, o.env, "web-integration", "rm", "-q", a.ID, b.ID, "..", c.ID)
	if status != exitFailed || stdout != b.ID+"\n"+c.ID+"\n" || strings.Count(stderr, "originwarden: ") != 1 ||
		!strings.HasPrefix(stderr, "originwarden: deleting "+a.ID+": 404 Not Found\n  Not found (WEBINTEGRATIONS_NOT_FOUND)\n  trace id ") ||
		!strings.HasSuffix(stderr, "\ndeleting ..: invalid id \"..\": not found\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if got := o.run("ls", "-q"); got != "" {
		t.Errorf("left: %s", got)
	}
	if status, _, stderr = execution(t, shell("acme", officeToken), "web-integration", "rm", "a", "b"); status != exitUsage || strings.Count(stderr, "the server is not a URL") != 1 {
		t.Errorf("from no server: exit status %d\n%s", status, stderr)
	}
}

func TestWebIntegration_WritesOnConditionOfTheETag(t *testing.T) {
	o := newOffice(t)
	w := o.make("n")
	status, _, stderr := execution(t, o.env, "web-integration", "patch", w.ID, "--path", "/name", "--value", "m", "--if-match", `"77"`)
	if status != exitFailed || !strings.Contains(stderr, ": 412 Precondition Failed\n  Precondition failed: ") || o.only().Name != "n" {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	tag := fmt.Sprint(w.Revision) // without its quotes
	o.run("patch", w.ID, "--path", "/name", "--value", "m", "--if-match", tag)
	if status, _, stderr = execution(t, o.env, "web-integration", "rm", w.ID, "--if-match", tag); status != exitFailed || !strings.Contains(stderr, ": 412 ") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	o.run("rm", w.ID, "--if-match", fmt.Sprintf(`"%d"`, o.only().Revision))
}

func TestWebIntegration_TakesServerAndTokenFromFlagsFirst(t *testing.T) {
	o := newOffice(t)
	w := o.make("n")
	file, empty := filepath.Join(t.TempDir(), "token"), filepath.Join(t.TempDir(), "empty")
	for name, text := range map[string]string{file: officeToken + "\n", empty: "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refuses := upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
	for _, row := range []struct {
		rule   string
		env    Environment
		args   []string
		status int
		stderr string
	}{
		{"both from the environment", shell(o.url, officeToken), nil, exitDone, ""},
		{"with a slash", shell(o.url+"/", officeToken), nil, exitDone, ""},
		{"the server of --server", shell(refuses, officeToken), []string{"--server", o.url}, exitDone, ""},
		{"the server of -s", shell("", officeToken), []string{"-s", o.url}, exitDone, ""},
		{"the token of --token-file", shell(o.url, "other"), []string{"--token-file", file}, exitDone, ""},
		{"another token", shell(o.url, "other-token"), nil, exitFailed, "reading " + w.ID + ": 401 Unauthorized\n  Unauthorized (AUTH-1)\n  trace id "},
		{"a response without a document", shell(refuses, officeToken), nil, exitFailed, "reading " + w.ID + ": GET " + refuses + collection + "/" + w.ID + ": 401 Unauthorized\n"},
		{"no server", shell("", officeToken), nil, exitUsage, "there is no server: set ORIGINWARDEN_SERVER, or give --server\n"},
		{"no token", shell(o.url, ""), nil, exitUsage, "there is no token: set ORIGINWARDEN_TOKEN, or give --token-file\n"},
		{"a server without a scheme", shell("acme.example.com", officeToken), nil, exitUsage, "the server is not a URL such as https://"},
		{"an empty file", shell(o.url, officeToken), []string{"--token-file", empty}, exitUsage, "there is no token"},
		{"a file that is not there", shell(o.url, officeToken), []string{"--token-file", file + "x"}, exitUsage, "--token-file: open "},
		{"no network", shell("http://127.0.0.1:1", officeToken), nil, exitFailed, "reading " + w.ID + `: Get "http://127.0.0.1:1` + collection},
	} {
		status, stdout, stderr := execution(t, row.env, append([]string{"web-integration", "get", "-q", w.ID}, row.args...)...)
		if status != row.status || (stdout == w.ID+"\n") != (status == exitDone) || !isPart(stderr, cmp.Or(row.stderr, stderr)) || (stderr == "") != (status == exitDone) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
		if strings.Contains(stderr, officeToken) || strings.Contains(stderr, "other-token") {
			t.Errorf("%s: the token is printed: %s", row.rule, stderr)
		}
	}
}

func TestWebIntegration_IsCalledWrongly(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s", r.Method, r.URL) }))
	defer server.Close()
	broken := writeConfig(t, `{"name":"n"} x`)
	unknown := writeConfig(t, `{"name":"n","tenantId":"acme"}`)
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
		{"get", "accepts 1 arg(s), received 0"},
		{"get a b", "accepts 1 arg(s), received 2"},
		{"rm", "requires at least 1 arg(s)"},
		{"rm a b --if-match 1", "--if-match is for one id"},
		{"create", "there is no name: give --name"},
		{"create --validOrigins https://a.example", "there is no name: give --name"},
		{"create x --name n", `create takes no arguments, but got "x"`},
		{"create -f " + broken, "--file: unexpected data after the JSON value"},
		{"create -f " + unknown, `--file: json: unknown field "tenantId"`},
		{"create -f " + broken + ".missing", "--file: open "},
		{"patch", "accepts 1 arg(s), received 0"},
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
		status, stdout, stderr := execution(t, shell(server.URL, officeToken), args...)
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
}

func TestWebIntegration_WaitsForTheRateLimitAndSaysSo(t *testing.T) {
	o := newOffice(t)
	requests := 0
	limited := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(429)
			return
		}
		o.api.ServeHTTP(w, r)
	})
	status, stdout, stderr := execution(t, shell(limited, officeToken), "web-integration", "ls", "-q")
	if status != exitDone || stdout != "" || stderr != "originwarden: the server limits the rate of requests, waiting for 1s\n" {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestWebIntegration_WorksThroughTheGateway(t *testing.T) {
	dir := t.TempDir()
	r := serving(t, dir, oneTenant(upstream(t, hello)))
	o := &office{t: t, env: shell(r.tenants, "")}
	tokenFile := filepath.Join(dir, adminTokenName)
	var ids []string
	for _, name := range []string{"a", "b", "c"} {
		ids = append(ids, strings.TrimSpace(o.run("create", "--token-file", tokenFile, "-q", "--name", name, "--validOrigins", "https://a.example")))
	}
	if got := strings.Fields(o.run("ls", "--token-file", tokenFile, "-q")); !slices.Equal(got, ids) {
		t.Errorf("listed %q, made %q", got, ids)
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
		t.Errorf("a preflight of an origin that was listed: %d", response.StatusCode)
	}
}
