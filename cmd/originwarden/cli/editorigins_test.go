package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWebIntegration_AddsAndRemovesOrigins(t *testing.T) {
	api := startAPI(t)
	w := api.create("Shop", "https://A.example/", "http://localhost:3000")
	for _, row := range []struct {
		args  []string
		want  string // with %s for the id
		after []string
	}{
		{[]string{"add-origin", w.ID, "https://b.example", "https://c.example"}, "added https://b.example, https://c.example to %s, in force from revision 2\n",
			[]string{"https://A.example/", "http://localhost:3000", "https://b.example", "https://c.example"}},
		{[]string{"add-origin", w.ID, "https://a.example:443"}, "https://a.example:443 is listed already\n",
			[]string{"https://A.example/", "http://localhost:3000", "https://b.example", "https://c.example"}},
		{[]string{"remove-origin", w.ID, "https://a.example", "https://d.example"}, "removed https://a.example from %s, in force from revision 3\nhttps://d.example has no entry\n",
			[]string{"http://localhost:3000", "https://b.example", "https://c.example"}},
		{[]string{"remove-origin", w.ID, "https://a.example"}, "https://a.example has no entry\n",
			[]string{"http://localhost:3000", "https://b.example", "https://c.example"}},
		{[]string{"remove-origin", w.ID, "no origin\x1b[2J"}, "no origin\\x1b[2J has no entry\n",
			[]string{"http://localhost:3000", "https://b.example", "https://c.example"}},
		{[]string{"add-origin", "-q", w.ID, "https://d.example"}, "%s\n",
			[]string{"http://localhost:3000", "https://b.example", "https://c.example", "https://d.example"}},
		{[]string{"remove-origin", "--raw", w.ID, "https://d.example"}, `{"added":[],"removed":["https://d.example"],"unchanged":[]}`,
			[]string{"http://localhost:3000", "https://b.example", "https://c.example"}},
	} {
		want := strings.ReplaceAll(row.want, "%s", w.ID)
		if got := api.run(row.args...); got != want {
			t.Errorf("%q printed\n%swant\n%s", row.args, got, want)
		}
		var read struct{ ValidOrigins []string }
		if err := json.Unmarshal([]byte(api.get(collection+"/"+w.ID)), &read); err != nil || !slices.Equal(read.ValidOrigins, row.after) {
			t.Errorf("after %q the origins are %q, %v; want %q", row.args, read.ValidOrigins, err, row.after)
		}
	}
	var printed struct {
		ID                        string
		Added, Removed, Unchanged []string
		Revision                  uint64
		ETag                      string
	}
	out := api.run("add-origin", "--json", w.ID, "https://e.example")
	if err := json.Unmarshal([]byte(out), &printed); err != nil || printed.ID != w.ID || !slices.Equal(printed.Added, []string{"https://e.example"}) || printed.Removed == nil || printed.Revision == 0 || printed.ETag == "" {
		t.Errorf("--json printed %s, %v", out, err)
	}
}

func TestWebIntegration_ReportsErrorsOfOriginEdits(t *testing.T) {
	api := startAPI(t)
	w := api.create("Shop", "https://a.example")
	for _, row := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"add-origin", w.ID}, exitUsage, "add-origin needs ID ORIGIN...\n"},
		{[]string{"remove-origin"}, exitUsage, "remove-origin needs ID ORIGIN...\n"},
		{[]string{"add-origin", w.ID, "b.example"}, exitFailed, `invalid origin "b.example": the entry has no scheme`},
		{[]string{"add-origin", "no-such-id", "https://b.example"}, exitFailed, "404 Not Found"},
		{[]string{"add-origin", w.ID, "https://*.b.example"}, exitFailed, "(patterns: none)"},
		{[]string{"add-origin", "--server", "nothing", w.ID, "https://b.example"}, exitUsage, "the server is not a URL"},
	} {
		status, stdout, stderr := runCommand(t, api.env, append([]string{"web-integration"}, row.args...)...)
		if status != row.status || stdout != "" || !strings.Contains(stderr, row.says) {
			t.Errorf("%q: exit status %d, %q, %s; want %d and %q", row.args, status, stdout, stderr, row.status, row.says)
		}
	}
}

// testConcurrentEdits adds a hundred origins in as many processes, with the default
// rate limits.
func testConcurrentEdits(t *testing.T, binary string) {
	tenant := startServer(t, func(http.ResponseWriter, *http.Request) {})
	dir := t.TempDir()
	// On a busy machine, a write may wait long behind those of a hundred processes.
	patient := writeConfig(t, "store: {timeout: 30s}\n")
	gateway := startBinary(t, binary, dir, append(serveArgs(tenant), "--config", patient, "--store", "sqlite:"+filepath.Join(dir, "lists.db"))...)
	gateway.tenants = "http://" + gateway.await(t, gateway.stdout, readyLine)[1]
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, append([]string{"web-integration", "-s", gateway.tenants, "--token-file", filepath.Join(dir, "admin-token")}, args...)...)
		return cmd
	}
	out, err := command("create", "-q", "--name", "Shop").Output()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(string(out))
	var added []string
	var processes []commandProcess
	for i := range 100 {
		added = append(added, fmt.Sprintf("https://%d.example", i))
		processes = append(processes, startProcess(t, command("add-origin", id, added[i])))
	}
	for _, p := range processes {
		if status := p.wait(t); status != exitDone {
			t.Errorf("exit status %d: %s", status, p.stderr)
		}
	}
	out, err = command("get", "--json", id).Output()
	var read struct{ ValidOrigins []string }
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	slices.Sort(read.ValidOrigins)
	slices.Sort(added)
	if err != nil || !slices.Equal(read.ValidOrigins, added) {
		t.Errorf("%d origins are listed, %v; want the %d that were added", len(read.ValidOrigins), err, len(added))
	}
}
