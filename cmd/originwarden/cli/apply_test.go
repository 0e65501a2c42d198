package cli

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// writeLists writes a file of lists and returns its name.
func writeLists(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lists.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// runApply runs apply with a file of lists.
func runApply(t *testing.T, env Environment, lists string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return runCommand(t, env, append([]string{"apply", "--file", writeLists(t, lists)}, args...)...)
}

// countWrites returns an environment for the API through a server that counts writes.
func (api *testAPI) countWrites() (env Environment, writes *atomic.Int64) {
	writes = &atomic.Int64{}
	url := startServer(api.t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" {
			writes.Add(1)
		}
		api.handler.ServeHTTP(w, r)
	})
	return clientEnvironment(url, apiToken), writes
}

const fileOfTwo = `
web_integrations:
  production: [https://app.example.com, https://admin.example.com]
  staging:
    - https://staging.example.com
`

func TestApply_MakesServerAsFiles(t *testing.T) {
	api := startAPI(t)
	api.create("production", "https://OLD.example", "https://App.example.com:443/")
	api.create("legacy", "https://legacy.example")
	api.create("same", "https://B.example", "https://a.example")
	const lists = fileOfTwo + "  same: [https://a.example, https://b.example]\n"
	const production = "~ production\n    + https://admin.example.com\n    - https://OLD.example\n"
	const staging = "+ staging\n    + https://staging.example.com\n"
	const legacy = "- legacy\n    - https://legacy.example\n"
	const kept = "; 1 not in the files, which --prune would delete"
	for i, row := range []struct {
		args   string
		status int
		stdout string
		writes int64
	}{
		{"--dry-run", exitDiffers, production + staging + "dry run, nothing was written: 1 created, 1 changed, 0 deleted, 1 unchanged" + kept + "\n", 0},
		{"--dry-run --prune", exitDiffers, legacy + production + staging + "dry run, nothing was written: 1 created, 1 changed, 1 deleted, 1 unchanged\n", 0},
		{"", exitDone, production + staging + "1 created, 1 changed, 0 deleted, 1 unchanged" + kept + "; in force from revision 5\n", 2},
		{"", exitDone, "0 created, 0 changed, 0 deleted, 3 unchanged" + kept + "\n", 0},
		{"--dry-run", exitDone, "dry run, nothing was written: 0 created, 0 changed, 0 deleted, 3 unchanged" + kept + "\n", 0},
		{"--dry-run --prune", exitDiffers, legacy + "dry run, nothing was written: 0 created, 0 changed, 1 deleted, 3 unchanged\n", 0},
		{"--prune", exitDone, legacy + "0 created, 0 changed, 1 deleted, 3 unchanged; in force from revision 6\n", 1},
		{"--prune", exitDone, "0 created, 0 changed, 0 deleted, 3 unchanged\n", 0},
		{"--dry-run --prune", exitDone, "dry run, nothing was written: 0 created, 0 changed, 0 deleted, 3 unchanged\n", 0},
	} {
		env, writes := api.countWrites()
		status, stdout, stderr := runApply(t, env, lists, strings.Fields(row.args)...)
		if status != row.status || stdout != row.stdout || stderr != "" || writes.Load() != row.writes {
			t.Errorf("%d, %s: exit status %d, %d writes\n%s%s", i, row.args, status, writes.Load(), stdout, stderr)
		}
	}
	want := []string{"production[https://App.example.com:443/ https://admin.example.com]", "same[https://B.example https://a.example]", "staging[https://staging.example.com]"}
	if got := api.describeIntegrations(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestApply_ReadsSeveralFilesAndDirectories(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b.yaml": "web_integrations: {b: []}", "a.yml": "web_integrations: {a: []}", "c.json": `{"web_integrations": {"c": []}}`,
		"README.md": "# not a list", "nested/d.yaml": "web_integrations: {d: []}", "empty/x": "",
	} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	api := startAPI(t)
	for _, row := range []struct {
		args, stdin    string
		status         int
		stdout, stderr string
	}{
		{"-f DIR", "", exitDiffers, "+ a\n+ b\n+ c\n", ""},
		{"-f DIR/b.yaml -f DIR/nested", "", exitDiffers, "+ b\n+ d\n", ""},
		{"-f - -f DIR/c.json", "web_integrations: {e: []}", exitDiffers, "+ c\n+ e\n", ""},
		{"-f DIR -f DIR/nested -f -", "web_integrations: {a: []}", exitFailed, "", "originwarden: nothing is applied:\nstandard input:1: duplicate web integration \"a\", first at DIR/a.yml:1\n"},
		{"-f DIR -f DIR/b.yaml", "", exitFailed, "", "originwarden: nothing is applied:\nDIR/b.yaml:1: duplicate web integration \"b\", first at DIR/b.yaml:1\n"},
		{"-f -", "", exitFailed, "", "originwarden: nothing is applied:\nstandard input:1: the key web_integrations is missing; a file without web integrations has web_integrations: {}\n"},
		{"-f DIR/empty", "", exitFailed, "", "originwarden: nothing is applied:\nDIR/empty: the directory has no .yaml, .yml or .json file\n"},
		{"-f DIR/missing -f - -f DIR/empty", "x", exitFailed, "", "originwarden: nothing is applied:\nopen DIR/missing: no such file or directory\nDIR/empty: the directory has no .yaml, .yml or .json file\n" +
			"standard input:1: the file must be a mapping with the key web_integrations, not \"x\"\n"},
		{"-f DIR/missing", "", exitFailed, "", "originwarden: nothing is applied:\nopen DIR/missing: no such file or directory\n"},
		{"", "", exitUsage, "", "originwarden: required flag(s) \"file\" not set\nrun originwarden apply --help for usage\n"},
		{"-f - x", "", exitUsage, "", "originwarden: apply takes no arguments, but got \"x\"\nrun originwarden apply --help for usage\n"},
	} {
		args := append([]string{"apply", "--dry-run", "--server", api.url}, strings.Fields(strings.ReplaceAll(row.args, "DIR", dir))...)
		p := startApply(t, row.stdin, args...)
		status := p.wait(t)
		shown := strings.ReplaceAll(p.stderr.String(), dir, "DIR")
		diff, _, _ := strings.Cut(p.stdout.String(), "dry run")
		if status != row.status || diff != row.stdout || shown != row.stderr {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, p.stdout, shown)
		}
	}
}

// startApply starts the program as a process of its own.
func startApply(t *testing.T, stdin string, args ...string) commandProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = []string{envRunCommand + "=1", "ORIGINWARDEN_TOKEN=" + apiToken}
	return startProcess(t, cmd)
}

func TestApply_RefusesNamesThatServerHasTwice(t *testing.T) {
	api := startAPI(t)
	one, two := api.create("a", "https://a.example"), api.create("a")
	ids := []string{one.ID, two.ID}
	slices.Sort(ids)
	api.create("b")
	api.create("b")
	for _, args := range [][]string{nil, {"--dry-run"}, {"--prune"}} {
		status, stdout, stderr := runApply(t, api.env, "web_integrations: {a: [https://a.example]}", args...)
		want := fmt.Sprintf("originwarden: nothing is applied:\n2 web integrations have the name a: %s, %s\nrename or delete all but one of each\n", ids[0], ids[1])
		if status != exitFailed || stdout != "" || stderr != want {
			t.Errorf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	if status, stdout, stderr := runApply(t, api.env, "web_integrations: {c: []}"); status != exitDone || !strings.Contains(stdout, "4 not in the files") {
		t.Errorf("other names: exit status %d\n%s%s", status, stdout, stderr)
	}
	if status, stdout, stderr := runApply(t, api.env, "web_integrations: {c: []}", "--prune"); status != exitDone || !strings.Contains(stdout, "4 deleted") {
		t.Errorf("pruning: exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestApply_ConfirmsPruningEverything(t *testing.T) {
	api := startAPI(t)
	api.create("a")
	api.create("b")
	status, stdout, stderr := runApply(t, api.env, "web_integrations: {}", "--prune")
	want := "originwarden: nothing is applied: --prune would delete all 2 web integrations that " + api.url + " has: give --yes if you mean it\n"
	if status != exitFailed || stdout != "" || stderr != want {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if status, _, stderr := runApply(t, api.env, "web_integrations: {c: []}", "--prune"); status != exitFailed || stderr != want {
		t.Errorf("a file of another server: exit status %d\n%s", status, stderr)
	}
	if names := api.describeIntegrations(); len(names) != 2 {
		t.Errorf("got %q", names)
	}
	if status, _, stderr := runApply(t, api.env, "web_integrations: {}", "--prune", "--dry-run"); status != exitDiffers {
		t.Errorf("dry run: exit status %d\n%s", status, stderr)
	}
	if status, stdout, stderr := runApply(t, api.env, "web_integrations: {b: []}", "--prune"); status != exitDone || stderr != "" {
		t.Errorf("pruning some: exit status %d\n%s%s", status, stdout, stderr)
	}
	for range 2 { // the second run has nothing to delete
		if status, stdout, stderr := runApply(t, api.env, "web_integrations: {}", "--prune", "--yes"); status != exitDone || stderr != "" {
			t.Errorf("--yes: exit status %d\n%s%s", status, stdout, stderr)
		}
	}
	if names := api.describeIntegrations(); len(names) != 0 {
		t.Errorf("got %q", names)
	}
	if status, _, stderr := runApply(t, api.env, "web_integrations: {}", "--prune"); status != exitDone {
		t.Errorf("nothing to delete: exit status %d\n%s", status, stderr)
	}
}

func TestApply_TellsWhatWasDoneBeforeFailure(t *testing.T) {
	api := startAPI(t)
	api.create("a", "https://x.example", "https://gone.example")
	api.create("d", "https://y.example")
	api.create("e", "https://z.example")
	many := "https://x.example"
	for i := range 100 {
		many += fmt.Sprintf(", https://%d.example", i)
	}
	lists := "web_integrations: {a: [], b: [" + many + "], c: [https://c.example]}"
	status, stdout, stderr := runApply(t, api.env, lists, "--prune", "--yes")
	const done = "+ c\n    + https://c.example\n~ a\n    - https://gone.example\n- d\n    - https://y.example\n- e\n    - https://z.example\n" +
		"1 created, 1 changed, 2 deleted, 0 unchanged; in force from revision 7\n"
	if status != exitFailed || stdout != done || !strings.HasPrefix(stderr, "originwarden: b: 400 Bad Request\n  Invalid property value at /validOrigins: a web integration may have at most 100 valid origins") ||
		!strings.HasSuffix(stderr, "\na: it still lists https://x.example and 0 more, because an addition failed that was to list the same elsewhere\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestApply_StopsWhenWritesAreForbidden(t *testing.T) {
	api := startAPI(t)
	writes := 0
	server := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" {
			if writes++; writes == 2 {
				w.WriteHeader(403)
				return
			}
		}
		api.handler.ServeHTTP(w, r)
	})
	const lists = "web_integrations: {a: [], b: [], c: []}"
	status, stdout, stderr := runApply(t, clientEnvironment(server, apiToken), lists)
	if status != exitFailed || stdout != "+ a\n1 created, 0 changed, 0 deleted, 0 unchanged; in force from revision 1\n" || writes != 2 ||
		!strings.HasPrefix(stderr, "originwarden: the run ended early and can be repeated: b: POST ") || !strings.Contains(stderr, "403 Forbidden") {
		t.Errorf("exit status %d after %d writes\n%s%s", status, writes, stdout, stderr)
	}
	if status, stdout, stderr := runApply(t, api.env, lists); status != exitDone || !strings.Contains(stdout, "2 created, 0 changed, 0 deleted, 1 unchanged") {
		t.Errorf("second run: exit status %d\n%s%s", status, stdout, stderr)
	}
	status, stdout, stderr = runApply(t, clientEnvironment(api.url, "another"), lists)
	if status != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "originwarden: reading the web integrations: 401 Unauthorized") {
		t.Errorf("an invalid token: exit status %d\n%s%s", status, stdout, stderr)
	}
}

// A server of Qlik's API may send no entity tags, or weak ones, and no revisions.
func TestApply_WorksWithoutEntityTags(t *testing.T) {
	for _, tag := range []string{"", `W/"1"`} {
		api := startAPI(t)
		api.create("a", "https://a.example")
		api.create("b")
		url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-Match") != "" {
				t.Errorf("If-Match: %s", r.Header.Get("If-Match"))
			}
			api.handler.ServeHTTP(taglessWriter{w, tag}, r)
		})
		status, stdout, stderr := runApply(t, clientEnvironment(url, apiToken), "web_integrations: {a: [https://c.example]}", "--prune")
		const warning = "originwarden: the server sends no strong ETag: changes that others make at the same time may be overwritten\n"
		if status != exitDone || !strings.HasSuffix(stdout, "\n0 created, 1 changed, 1 deleted, 0 unchanged\n") || stderr != warning {
			t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
		}
	}
}

// taglessWriter replaces the ETag of a response, and removes its revision.
type taglessWriter struct {
	http.ResponseWriter
	tag string
}

func (w taglessWriter) WriteHeader(status int) {
	w.Header().Del("Web-Integrations-Revision")
	w.Header().Del("ETag")
	if w.tag != "" {
		w.Header().Set("ETag", w.tag)
	}
	w.ResponseWriter.WriteHeader(status)
}
