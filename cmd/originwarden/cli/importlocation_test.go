package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// describeIntegrations returns the names and origins of the web integrations,
// sorted.
func (api *testAPI) describeIntegrations() []string {
	api.t.Helper()
	_, all, err := api.store.Load(api.t.Context(), "acme")
	if err != nil {
		api.t.Fatal(err)
	}
	var names []string
	for _, w := range all {
		names = append(names, fmt.Sprint(w.Name, w.ValidOrigins))
	}
	slices.Sort(names)
	return names
}

func TestImport_UpdatesServer(t *testing.T) {
	api := startAPI(t)
	byID := api.create("By id", "https://a.example")
	api.create("By name", "https://a.example")
	api.create("Same", "https://a.example")
	api.create("Twice", "https://a.example")
	api.create("Twice", "https://b.example")
	api.create("Beside")
	wanted := newIntegration("elsewhere", "Renamed", "https://b.example")
	wanted.ID = byID.ID
	file := exportFile(t, wanted, newIntegration("elsewhere", "By name", "https://b.example"), newIntegration("elsewhere", "Same", "https://a.example"),
		newIntegration("elsewhere", "Missing", "https://m.example"), newIntegration("elsewhere", "Missing", "https://n.example"), newIntegration("elsewhere", "Twice", "https://c.example"))
	const unclear = "\": several are called \"Twice\", and neither their ids nor their origins tell which one it is\n"
	for i, row := range []struct{ args, stdout string }{
		{"--dry-run", "~ elsewhere \"By name\" …\n    +https://b.example\n    -https://a.example\n+ elsewhere \"Missing\"\n+ elsewhere \"Missing\"\n" +
			"~ elsewhere \"Renamed\" " + byID.ID + "\n    name \"By id\" -> \"Renamed\"\n    +https://b.example\n    -https://a.example\n" +
			"! elsewhere \"Twice\" …\ndry run, nothing was written: 2 created, 2 changed, 1 unchanged\n"},
		{"", "2 created, 2 changed, 1 unchanged\n"},
		{"", "0 created, 0 changed, 5 unchanged\n"},
		{"--prune", "0 created, 0 changed, 1 deleted, 5 unchanged\n"},
		{"--prune", "0 created, 0 changed, 0 deleted, 5 unchanged\n"},
	} {
		before := api.describeIntegrations()
		status, stdout, stderr := runCommand(t, api.env, append([]string{"import", "--server", api.url, file}, strings.Fields(row.args)...)...)
		if status != exitFailed || !containsInOrder(stdout, row.stdout) || !strings.HasPrefix(stderr, `originwarden: elsewhere "Twice" `) || !strings.HasSuffix(stderr, unclear[1:]) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%d: exit status %d\n%s%s", i, status, stdout, stderr)
		}
		if row.args == "--dry-run" && !slices.Equal(api.describeIntegrations(), before) {
			t.Errorf("a dry run wrote %q", api.describeIntegrations())
		}
	}
	want := []string{"By name[https://b.example]", "Missing[https://m.example]", "Missing[https://n.example]", "Renamed[https://b.example]", "Same[https://a.example]", "Twice[https://a.example]", "Twice[https://b.example]"}
	if got := api.describeIntegrations(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestImport_ContinuesAfterInvalidIntegration(t *testing.T) {
	api := startAPI(t)
	big := newIntegration("acme", "Big", strings.Fields(strings.Repeat("https://a.example ", 101))...)
	status, stdout, stderr := runCommand(t, api.env, "import", exportFile(t, big, newIntegration("acme", "Small")))
	if status != exitFailed || stdout != "1 created, 0 changed, 0 unchanged\n" ||
		!strings.HasPrefix(stderr, "originwarden: acme \"Big\": 400 Bad Request\n  Invalid property value at /validOrigins: a web integration may have at most 100 valid origins") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestImport_StopsWhenWritesAreForbidden(t *testing.T) {
	api := startAPI(t)
	writes := 0
	server := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			api.handler.ServeHTTP(w, r)
			return
		}
		if writes++; writes == 2 {
			w.WriteHeader(403)
			return
		}
		r.URL.Scheme, r.URL.Host = "http", r.Host
		api.handler.ServeHTTP(w, r)
	})
	file := exportFile(t, newIntegration("acme", "1"), newIntegration("acme", "2"), newIntegration("acme", "3"))
	status, stdout, stderr := runCommand(t, clientEnvironment(server, apiToken), "import", file)
	if status != exitFailed || stdout != "1 created, 0 changed, 0 unchanged\n" || writes != 2 ||
		!strings.HasPrefix(stderr, "originwarden: the import ended early and can be repeated: acme \"2\": POST ") || !strings.Contains(stderr, "403 Forbidden") {
		t.Errorf("exit status %d after %d writes\n%s%s", status, writes, stdout, stderr)
	}
	if got := mustRun(t, api.env, "import", file); got != "2 created, 0 changed, 1 unchanged\n" {
		t.Errorf("second import: got %s", got)
	}
}

func TestImport_PrintsNoCountsWhenServerIsUnreadable(t *testing.T) {
	api := startAPI(t)
	status, stdout, stderr := runCommand(t, clientEnvironment(api.url, "another"), "import", exportFile(t, newIntegration("acme", "1")))
	if status != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "originwarden: the import ended at tenant acme and can be repeated: 401 Unauthorized") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestImport_IntoServerTakesOneTenant(t *testing.T) {
	api := startAPI(t)
	file := exportFile(t, newIntegration("a", "1"), newIntegration("b", "2"))
	for _, row := range []struct {
		args   string
		status int
		stderr string
	}{
		{file, exitFailed, "the file has 2 tenants, and a server has one: export only that one\n"},
		{file + " --tenant a=b", exitUsage, "--tenant is for a store"},
		{file + " x", exitUsage, `import takes only FILE, but got "x" too`},
	} {
		status, stdout, stderr := runCommand(t, api.env, append([]string{"import"}, strings.Fields(row.args)...)...)
		if status != row.status || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.args, status, stdout, stderr)
		}
	}
	if names := api.describeIntegrations(); len(names) > 0 {
		t.Errorf("got %q", names)
	}
}

func TestImport_TakesEffectOnGateway(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	env := clientEnvironment(r.tenants, readAdminToken(t, dir))
	file := exportFile(t, newIntegration("acme", "Shop", "https://shop.example"))
	const page = "Origin: https://shop.example"
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 403 {
		t.Errorf("before: %s", response.Status)
	}
	for _, want := range []string{"1 created, 0 changed, 0 unchanged\n", "0 created, 0 changed, 1 unchanged\n"} {
		if got := mustRun(t, env, "import", "--server", r.tenants, file); got != want {
			t.Errorf("got output %s", got)
		}
	}
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 {
		t.Errorf("after: %s", response.Status)
	}
}

func TestImport_EscapesServerText(t *testing.T) {
	hostileID, _ := json.Marshal(hostileText)
	server := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"errors":[{"title":%s}]}`, hostileID)
			return
		}
		fmt.Fprintf(w, `{"data":[{"id":%s,"name":%[1]s,"validOrigins":[%[1]s]},{"id":"x","name":"Shop","validOrigins":[%[1]s]}]}`, hostileID)
	})
	file := exportFile(t, newIntegration("acme", "Shop", "https://a.example"), newIntegration("acme", hostileName))
	for _, args := range []string{"--dry-run --prune", "--prune"} {
		status, stdout, stderr := runCommand(t, clientEnvironment(server, "t"), append([]string{"import", file}, strings.Fields(args)...)...)
		if !isPrintable(stdout+stderr) || args == "--prune" && (status != exitFailed || strings.Count(stderr, "\n  ") != 3) ||
			args != "--prune" && (status != exitDone || !strings.Contains(stdout, `    -a\x1b[2J`) || !strings.Contains(stdout, `- acme "a\x1b[2J`)) {
			t.Errorf("%s: exit status %d\n%q\n%q", args, status, stdout, stderr)
		}
	}
}

func TestImport_WaitsForTheRateLimit(t *testing.T) {
	api := startAPI(t)
	writes := 0
	limited := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			if writes++; writes == 2 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
		}
		api.handler.ServeHTTP(w, r)
	})
	status, stdout, stderr := runCommand(t, clientEnvironment(limited, apiToken), "import", exportFile(t, newIntegration("acme", "1"), newIntegration("acme", "2")))
	if status != exitDone || stdout != "2 created, 0 changed, 0 unchanged\n" || !strings.Contains(stderr, "waiting for 1s") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}
