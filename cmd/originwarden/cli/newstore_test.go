package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/server/readiness"
)

const newStoreLine = `"level":"warn","ts":"[^"]*","msg":"the store is new and empty: no origin is listed","store":"sqlite:([^"]*)"(?:,"before":"([^"]*)")?`

// createStore creates a store of this name in dir that lists an origin.
func createStore(t *testing.T, dir, name string) {
	t.Helper()
	s := storeFile{t, filepath.Join(dir, name)}
	s.importNew(exportFile(t, newIntegration("acme", "Shop", "https://shop.example")))
}

func TestServe_WarnsAboutNewStore(t *testing.T) {
	dir := t.TempDir()
	r := launchGateway(t, Environment{}, dir, tenantConfig(startServer(t, hello)))
	if found := r.await(t, r.stderr, newStoreLine); found[1] != filepath.Join(dir, "lists.db") || found[2] != "" {
		t.Errorf("got warning %q", found)
	}
	var d readiness.Document
	if getJSON(t, r.admin+"/readyz", &d); !d.Ready || d.Problem != "" {
		t.Errorf("at the first start: %+v", d)
	}
	mustRun(t, clientEnvironment(r.tenants, readAdminToken(t, dir)), "web-integration", "create", "--name", "n", "--validOrigins", "https://a.example")
	r.stop(t)
	r = startGateway(t, dir, tenantConfig(startServer(t, hello)))
	r.await(t, r.stderr, `"msg":"ready"`) // logged after any warning
	if strings.Contains(r.stderr.String(), "the store is new") {
		t.Errorf("unexpected warning at the second start:\n%s", r.stderr)
	}
}

func TestServe_ReportsLostStore(t *testing.T) {
	for _, row := range []struct {
		rule    string
		happens func(t *testing.T, dir, file string)
		before  string // after the directory
	}{
		{"missing file", func(t *testing.T, dir, file string) { os.Remove(file) }, "lists.db was here before, and is gone or empty"},
		{"empty file", func(t *testing.T, dir, file string) { os.Truncate(file, 0) }, "lists.db was here before, and is gone or empty"},
		{"renamed file", func(t *testing.T, dir, file string) {
			for _, end := range []string{"", ".lock"} {
				os.Rename(file+end, filepath.Join(dir, "list.db"+end))
			}
		}, "list.db is beside it"},
	} {
		dir := t.TempDir()
		createStore(t, dir, "lists.db")
		row.happens(t, dir, filepath.Join(dir, "lists.db"))
		r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
		want := filepath.Join(dir, row.before)
		if found := r.await(t, r.stderr, newStoreLine); found[2] != want {
			t.Errorf("%s: warning names %q, want %q", row.rule, found[2], want)
		}
		var d readiness.Document
		if getJSON(t, r.admin+"/readyz", &d); !d.Ready || d.Problem != "the store is new and empty, but there was another one: "+want {
			t.Errorf("%s: %+v", row.rule, d)
		}
		mustRun(t, clientEnvironment(r.tenants, readAdminToken(t, dir)), "web-integration", "create", "--name", "n", "--validOrigins", "https://a.example")
		mustRun(t, Environment{}, "wait", "--admin", r.admin, "--revision", "1")
		var after readiness.Document
		if getJSON(t, r.admin+"/readyz", &after); after.Problem != "" {
			t.Errorf("%s, after an origin is listed: %+v", row.rule, after)
		}
	}
}

// A start may fail after creating the lock and before creating the store.
func TestServe_IgnoresLockWithoutStore(t *testing.T) {
	for _, emptied := range []bool{false, true} {
		dir := t.TempDir()
		for name, made := range map[string]bool{"lists.db.lock": true, "lists.db": emptied} {
			if !made {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
		if found := r.await(t, r.stderr, newStoreLine); found[2] != "" {
			t.Errorf("warning names an earlier store %q", found[2])
		}
		var d readiness.Document
		if getJSON(t, r.admin+"/readyz", &d); d.Problem != "" {
			t.Errorf("got problem %q, want none", d.Problem)
		}
	}
}

func TestStoreCreate_NeverFailsWithoutStore(t *testing.T) {
	export := exportFile(t, newIntegration("acme", "Shop", "https://shop.example"))
	for _, row := range []struct {
		rule, name string
		stderr     string
		args       []string
	}{
		{"missing file", "lists.db", "the file does not exist", []string{"serve"}},
		{"empty file", "empty.db", "the file is empty", []string{"serve"}},
		{"import", "lists.db", "the file does not exist", []string{"import", export}},
		{"import into an empty file", "empty.db", "the file is empty", []string{"import", export}},
		{"dry run", "lists.db", "file does not exist", []string{"import", "--dry-run", export}},
		{"missing directory", "missing/lists.db", "missing does not exist", []string{"serve"}},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "empty.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, row.name)
		cfg := writeConfig(t, tenantConfig("http://127.0.0.1:1", "store: {url: 'sqlite:"+path+"', create: never}"))
		status, stdout, stderr := runCommand(t, Environment{}, append(row.args, "--config", cfg)...)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, path) || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
		if hint := "store.create is never"; row.args[0] == "serve" && row.name != "missing/lists.db" && !strings.Contains(stderr, hint) {
			t.Errorf("%s: no hint in %s", row.rule, stderr)
		}
		if file, err := os.Stat(path); row.name == "empty.db" != (err == nil) || err == nil && file.Size() > 0 {
			t.Errorf("%s: file was created: %v", row.rule, file)
		}
		if _, err := os.Stat(filepath.Join(dir, "lists.db.lock")); err == nil {
			t.Errorf("%s: lock file left behind", row.rule)
		}
	}
}

func TestStoreCreate_NeverOpensExistingStore(t *testing.T) {
	dir := t.TempDir()
	createStore(t, dir, "lists.db")
	r := startGateway(t, dir, tenantConfig(startServer(t, hello), "store: {create: never}"))
	if response, _ := send(t, "GET", r.tenants, "", "Origin: https://shop.example"); response.StatusCode != 200 {
		t.Error(response.Status)
	}
}
