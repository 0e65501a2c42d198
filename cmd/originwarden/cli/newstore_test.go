package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/server/readiness"
)

const newStoreLine = `"level":"warn","ts":"[^"]*","msg":"the store is new and empty: no origin is listed","store":"sqlite:([^"]*)"(?:,"before":"([^"]*)")?`

// leave makes a store of this name in dir that lists an origin.
func leave(t *testing.T, dir, name string) {
	t.Helper()
	s := archive{t, filepath.Join(dir, name)}
	s.makes(exportOf(t, madeIn("acme", "Shop", "https://shop.example")))
}

func TestServe_WarnsOfANewStore(t *testing.T) {
	dir := t.TempDir()
	r := startServing(t, Environment{}, dir, oneTenant(upstream(t, hello)))
	if found := r.await(t, r.stderr, newStoreLine); found[1] != filepath.Join(dir, "lists.db") || found[2] != "" {
		t.Errorf("it warns of %q", found)
	}
	var d readiness.Document
	if getJSON(t, r.admin+"/readyz", &d); !d.Ready || d.Problem != "" {
		t.Errorf("at the first start: %+v", d)
	}
	succeeds(t, shell(r.tenants, adminTokenIn(t, dir)), "web-integration", "create", "--name", "n", "--validOrigins", "https://a.example")
	r.stop(t)
	r = serving(t, dir, oneTenant(upstream(t, hello)))
	r.await(t, r.stderr, `"msg":"ready"`) // which is logged later
	if strings.Contains(r.stderr.String(), "the store is new") {
		t.Errorf("at the second start it warns:\n%s", r.stderr)
	}
}

func TestServe_SaysThatItHadAnotherStore(t *testing.T) {
	for _, row := range []struct {
		rule    string
		happens func(t *testing.T, dir, file string)
		before  string // behind the directory
	}{
		{"the file is gone", func(t *testing.T, dir, file string) { os.Remove(file) }, "lists.db was here before, and is gone or empty"},
		{"the file was emptied", func(t *testing.T, dir, file string) { os.Truncate(file, 0) }, "lists.db was here before, and is gone or empty"},
		{"another name", func(t *testing.T, dir, file string) {
			for _, end := range []string{"", ".lock"} {
				os.Rename(file+end, filepath.Join(dir, "list.db"+end))
			}
		}, "list.db is beside it"},
	} {
		dir := t.TempDir()
		leave(t, dir, "lists.db")
		row.happens(t, dir, filepath.Join(dir, "lists.db"))
		r := serving(t, dir, oneTenant(upstream(t, hello)))
		want := filepath.Join(dir, row.before)
		if found := r.await(t, r.stderr, newStoreLine); found[2] != want {
			t.Errorf("%s: it warns of %q", row.rule, found)
		}
		var d readiness.Document
		if getJSON(t, r.admin+"/readyz", &d); !d.Ready || d.Problem != "the store is new and empty, but there was another one: "+want {
			t.Errorf("%s: %+v", row.rule, d)
		}
		succeeds(t, shell(r.tenants, adminTokenIn(t, dir)), "web-integration", "create", "--name", "n", "--validOrigins", "https://a.example")
		succeeds(t, Environment{}, "wait", "--admin", r.admin, "--revision", "1")
		var after readiness.Document
		if getJSON(t, r.admin+"/readyz", &after); after.Problem != "" {
			t.Errorf("%s, when something is listed: %+v", row.rule, after)
		}
	}
}

// A start may fail when it has made the lock, and before there is a store.
func TestServe_DoesNotTakeALockForAStore(t *testing.T) {
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
		r := serving(t, dir, oneTenant(upstream(t, hello)))
		if found := r.await(t, r.stderr, newStoreLine); found[2] != "" {
			t.Errorf("it says of a store that never was: %q", found[2])
		}
		var d readiness.Document
		if getJSON(t, r.admin+"/readyz", &d); d.Problem != "" {
			t.Errorf("the problem is %q", d.Problem)
		}
	}
}

func TestStoreCreate_NeverMakesNoStore(t *testing.T) {
	export := exportOf(t, madeIn("acme", "Shop", "https://shop.example"))
	for _, row := range []struct {
		rule, name string
		stderr     string
		args       []string
	}{
		{"a missing file", "lists.db", "the file does not exist", []string{"serve"}},
		{"an empty file", "empty.db", "the file is empty", []string{"serve"}},
		{"an import", "lists.db", "the file does not exist", []string{"import", export}},
		{"an import into an empty file", "empty.db", "the file is empty", []string{"import", export}},
		{"a dry run", "lists.db", "file does not exist", []string{"import", "--dry-run", export}},
		{"a directory", "missing/lists.db", "missing does not exist", []string{"serve"}},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "empty.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, row.name)
		cfg := writeConfig(t, oneTenant("http://127.0.0.1:1", "store: {url: 'sqlite:"+path+"', create: never}"))
		status, stdout, stderr := execution(t, Environment{}, append(row.args, "--config", cfg)...)
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, path) || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
		if hint := "store.create is never"; row.args[0] == "serve" && row.name != "missing/lists.db" && !strings.Contains(stderr, hint) {
			t.Errorf("%s: no hint in %s", row.rule, stderr)
		}
		if file, err := os.Stat(path); row.name == "empty.db" != (err == nil) || err == nil && file.Size() > 0 {
			t.Errorf("%s: it made %v", row.rule, file)
		}
		if _, err := os.Stat(filepath.Join(dir, "lists.db.lock")); err == nil {
			t.Errorf("%s: it left a lock", row.rule)
		}
	}
}

func TestStoreCreate_NeverTakesTheStoreThatIsThere(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir, "lists.db")
	r := serving(t, dir, oneTenant(upstream(t, hello), "store: {create: never}"))
	if response, _ := send(t, "GET", r.tenants, "", "Origin: https://shop.example"); response.StatusCode != 200 {
		t.Error(response.Status)
	}
}
