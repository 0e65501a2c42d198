package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/cli/importexport"
	"originwarden/store"
)

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	_, text := send(t, "GET", url, "")
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// exportFile writes an export of these web integrations to a file.
func exportFile(t *testing.T, all ...store.WebIntegration) string {
	t.Helper()
	return writeExport(t, mustRun(t, Environment{}, "export", "--store", newStoreFile(t, all...).url()))
}

// withNameAndEntries returns w with another name and other entries.
func withNameAndEntries(w store.WebIntegration, name string, entries ...string) store.WebIntegration {
	w.Name, w.ValidOrigins = name, append([]string{}, entries...)
	return w
}

func TestImport_UpdatesStore(t *testing.T) {
	same, differs, missing := newIntegration("acme", "Same", "https://a.example"), newIntegration("acme", "Differs", "https://a.example", "https://b.example"), newIntegration("globex", "Missing")
	extra, elsewhere := newIntegration("acme", "Beside"), newIntegration("initech", "Elsewhere")
	changed := withNameAndEntries(differs, "Changed", "https://b.example", "https://c.example")
	changed.LastUpdated = changed.LastUpdated.Add(1e9)
	file := exportFile(t, same, changed, missing)
	to := newStoreFile(t, same, differs, extra, elsewhere)
	has := func(rule string, want ...store.WebIntegration) {
		t.Helper()
		got, _ := to.contents()
		for _, w := range want {
			if fmt.Sprint(got[w.ID]) != fmt.Sprint(w) {
				t.Errorf("%s: got %v, want %v", rule, got[w.ID], w)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d web integrations, want %d", rule, len(got), len(want))
		}
	}
	diff := fmt.Sprintf(""+
		"~ acme \"Changed\" %s\n    name \"Differs\" -> \"Changed\"\n    lastUpdated 2020-03-01T00:59:58Z -> 2020-03-01T00:59:59Z\n    +https://c.example\n    -https://a.example\n"+
		"+ globex \"Missing\" %s\n", differs.ID, missing.ID)
	deletion := fmt.Sprintf("- acme \"Beside\" %s\n", extra.ID)
	for _, row := range []struct{ args, want string }{
		{"--dry-run", diff + "dry run, nothing was written: 1 created, 1 changed, 1 unchanged\n"},
		{"--dry-run --prune", strings.Replace(diff, "+ globex", deletion+"+ globex", 1) + "dry run, nothing was written: 1 created, 1 changed, 1 deleted, 1 unchanged\n"},
	} {
		if got := mustRun(t, Environment{}, append([]string{"import", "--store", to.url(), file}, strings.Fields(row.args)...)...); got != row.want {
			t.Errorf("%s: got\n%swant\n%s", row.args, got, row.want)
		}
		has(row.args, same, differs, extra, elsewhere)
	}
	if _, revision := to.contents(); revision != 4 {
		t.Errorf("revision %d after a dry run, want 4", revision)
	}
	for i, row := range []struct {
		args, want string
		has        []store.WebIntegration
		revision   uint64
	}{
		{"", "1 created, 1 changed, 1 unchanged\n", []store.WebIntegration{same, changed, missing, extra, elsewhere}, 6},
		{"", "0 created, 0 changed, 3 unchanged\n", []store.WebIntegration{same, changed, missing, extra, elsewhere}, 6},
		{"--dry-run", "dry run, nothing was written: 0 created, 0 changed, 3 unchanged\n", []store.WebIntegration{same, changed, missing, extra, elsewhere}, 6},
		{"--prune", "0 created, 0 changed, 1 deleted, 3 unchanged\n", []store.WebIntegration{same, changed, missing, elsewhere}, 7},
		{"--prune", "0 created, 0 changed, 0 deleted, 3 unchanged\n", []store.WebIntegration{same, changed, missing, elsewhere}, 7},
	} {
		rule := fmt.Sprintf("%d, %q", i, row.args)
		if got := mustRun(t, Environment{}, append([]string{"import", "--store", to.url(), file}, strings.Fields(row.args)...)...); got != row.want {
			t.Errorf("%s: got %q, want %q", rule, got, row.want)
		}
		has(rule, row.has...)
		if _, revision := to.contents(); revision != row.revision {
			t.Errorf("%s: revision %d, want %d", rule, revision, row.revision)
		}
	}
}

func TestImport_DryRunWritesNothing(t *testing.T) {
	w := newIntegration("acme", "Shop")
	file, dir := exportFile(t, w), t.TempDir()
	want := fmt.Sprintf("+ acme \"Shop\" %s\ndry run, nothing was written: 1 created, 0 changed, 0 unchanged\n", w.ID)
	at := "sqlite:" + filepath.Join(dir, "lists.db")
	if got := mustRun(t, Environment{}, "import", "--dry-run", "--store", at, file); got != want {
		t.Errorf("got %s", got)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	startGateway(t, dir, tenantConfig(startServer(t, hello)))
	if got := mustRun(t, Environment{}, "import", "--dry-run", "--store", at, file); got != want {
		t.Errorf("with a running gateway: got %s", got)
	}
}

func TestImport_RefusesStoreInUse(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for five seconds")
	}
	dir := t.TempDir()
	startGateway(t, dir, tenantConfig(startServer(t, hello)))
	status, stdout, stderr := runCommand(t, Environment{}, "import", "--store", "sqlite:"+filepath.Join(dir, "lists.db"), exportFile(t, newIntegration("acme", "Shop")))
	waits, failed, _ := strings.Cut(stderr, "\n")
	if status != exitFailed || stdout != "" || waits != "originwarden: the database is in use by another process: waiting for it to end" ||
		!strings.HasSuffix(failed, "it is in use by another process, perhaps a gateway: stop that one, or import into it with --server\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestImport_ReadsStandardInput(t *testing.T) {
	from := newStoreFile(t, newIntegration("acme", "Shop"))
	text := mustRun(t, Environment{}, "export", "--store", from.url())
	for _, args := range [][]string{{}, {"-"}} {
		to := storeFile{t, filepath.Join(t.TempDir(), "lists.db")}
		stdout := newOutput()
		cmd := importexport.NewImport(Environment{Stdout: stdout, Stderr: newOutput(), Getenv: func(string) string { return "" },
			Signals: func() (<-chan os.Signal, func()) { return nil, func() {} }})
		cmd.SetIn(strings.NewReader(text))
		cmd.SetArgs(append(args, "--store", to.url()))
		if err := cmd.Execute(); err != nil || stdout.String() != "1 created, 0 changed, 0 unchanged\n" {
			t.Errorf("%q: %s, %v", args, stdout, err)
		}
		to.wantSame(from)
	}
}

func TestImport_RefusesInvalidFile(t *testing.T) {
	good, err := os.ReadFile(exportFile(t, newIntegration("acme", "Blog", "https://b.example"), newIntegration("acme", "Shop", "https://a.example")))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(good), "\n")
	for _, row := range []struct{ rule, text, stderr string }{
		{"invalid origin", strings.Replace(string(good), "https://a.example", "https://a.example/path", 1), "originwarden: nothing is imported:\nline 4: /validOrigins/0 of \"Shop\": the entry "},
		{"several mistakes", strings.NewReplacer("https://a.example", "*", `"Blog"`, `"\u001b"`).Replace(string(good)), "nothing is imported:\nline 3: the name has a control character\nline 4: /validOrigins/0"},
		{"truncated file", strings.Join(lines[:4], ""), "line 5: the file is cut off"},
		{"truncated line", string(good[:len(good)-5]), "line 5: the line cannot be read"},
		{"unknown version", strings.Replace(string(good), `"version":1`, `"version":2`, 1), "line 1: the file is of version 2"},
		{"empty file", "", "line 1: the file is cut off"},
		{"control characters", "\x1b[2J\u009b\n", "line 1: the file is not an export"},
	} {
		dir := t.TempDir()
		status, stdout, stderr := runCommand(t, Environment{}, "import", "--store", "sqlite:"+filepath.Join(dir, "lists.db"), writeExport(t, row.text))
		if status != exitFailed || stdout != "" || !strings.Contains(stderr, row.stderr) || !isPrintable(stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
		if files, _ := os.ReadDir(dir); len(files) > 0 {
			t.Errorf("%s: left behind: %v", row.rule, files)
		}
	}
	status, _, stderr := runCommand(t, Environment{}, "import", "--store", "sqlite:lists.db", filepath.Join(t.TempDir(), "missing"))
	if status != exitFailed || !strings.Contains(stderr, "nothing is imported:\nopen ") {
		t.Errorf("missing file: exit status %d\n%s", status, stderr)
	}
}

func TestImport_ContinuesAfterStoreError(t *testing.T) {
	taken, first, second, big := newIntegration("acme", "Taken"), newIntegration("acme", "First"), newIntegration("acme", "Second"), newIntegration("acme", "Big", "https://a.example", "https://b.example", "https://c.example")
	other := newIntegration("globex", "Other's")
	other.ID = taken.ID
	to := newStoreFile(t, other)
	file := exportFile(t, taken, first, second, big)
	limited := writeConfig(t, "store: {url: '"+to.url()+"'}\napi: {limits: {integrations: 1, origins: 2}}\n")
	for i, counts := range []string{"1 created, 0 changed, 0 unchanged\n", "0 created, 0 changed, 1 unchanged\n"} {
		status, stdout, stderr := runCommand(t, Environment{}, "import", "--config", limited, file)
		want := fmt.Sprintf("originwarden: acme \"Big\" %s: a web integration may have at most 2 valid origins\n"+
			"acme \"Second\" %s: a tenant may have at most 1 web integrations\n"+
			"acme \"Taken\" %s: a tenant may have at most 1 web integrations\n", big.ID, second.ID, taken.ID)
		if status != exitFailed || stdout != counts || stderr != want {
			t.Errorf("%d: exit status %d\n%s%swant\n%s", i, status, stdout, stderr, want)
		}
	}
	if got, _ := to.contents(); len(got) != 2 || got[first.ID].Name != "First" || got[taken.ID].TenantID != "globex" {
		t.Errorf("got %+v", got)
	}
	status, stdout, stderr := runCommand(t, Environment{}, "import", "--store", to.url(), file)
	if want := "originwarden: acme \"Taken\" " + taken.ID + ": another tenant has its id\n"; status != exitFailed || stdout != "2 created, 0 changed, 1 unchanged\n" || stderr != want {
		t.Errorf("without limits: exit status %d\n%s%s", status, stdout, stderr)
	}
}

func TestImport_RenamesTenants(t *testing.T) {
	a, b := newIntegration("acme", "A"), newIntegration("globex", "B")
	a.ID = "acme" + a.ID[4:] // an id may begin with the tenant id and must not change
	file := exportFile(t, a, b)
	foreign := a
	foreign.TenantID = "a/b"
	odd := exportFile(t, foreign, b)
	for _, row := range []struct {
		rule, file string
		tenants    string
		status     int
		stderr     string
		a, b       string // the tenants after the import
	}{
		{"no renaming", file, "", exitDone, "", "acme", "globex"},
		{"one tenant", file, "acme=initech", exitDone, "", "initech", "globex"},
		{"both tenants", file, "acme=one,globex=two", exitDone, "", "one", "two"},
		{"swapped tenants", file, "acme=globex,globex=acme", exitDone, "", "globex", "acme"},
		{"invalid id, renamed", odd, "a/b=acme", exitDone, "", "acme", "globex"},
		{"invalid id, not renamed", odd, "", exitFailed, `the file has a tenant "a/b", which is not a valid id here: give it another id with --tenant`, "", ""},
		{"two tenants to one", file, "acme=x,globex=x", exitUsage, `--tenant: both "acme" and "globex" of the file would be x`, "", ""},
		{"one tenant to another of the file", file, "acme=globex", exitUsage, `would be globex`, "", ""},
		{"unknown tenant", file, "initech=x", exitUsage, `--tenant: the file has no tenant "initech"`, "", ""},
		{"one tenant twice", file, "acme=x,acme=y", exitUsage, `--tenant: "acme" is given twice`, "", ""},
		{"to an invalid id", file, "acme=a/b", exitUsage, `--tenant: "a/b" is not a tenant id`, "", ""},
		{"to an empty id", file, "acme=", exitUsage, `--tenant: "" is not a tenant id`, "", ""},
		{"from an empty id", file, "=acme", exitUsage, `--tenant: "=acme" is not FROM=TO`, "", ""},
		{"no equals sign", file, "acme", exitUsage, `--tenant: "acme" is not FROM=TO`, "", ""},
	} {
		to := storeFile{t, filepath.Join(t.TempDir(), "lists.db")}
		status, stdout, stderr := runCommand(t, Environment{}, "import", "--store", to.url(), "--tenant", row.tenants, row.file)
		if status == exitDone {
			row.stderr = to.newStoreMessage()
		}
		if status != row.status || !containsOrEmpty(stderr, row.stderr) || (stdout == "2 created, 0 changed, 0 unchanged\n") != (status == exitDone) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
			continue
		}
		if status != exitDone {
			if _, err := os.Stat(to.path); err == nil {
				t.Errorf("%s: store was created", row.rule)
			}
			continue
		}
		if got, _ := to.contents(); got[a.ID].TenantID != row.a || got[b.ID].TenantID != row.b {
			t.Errorf("%s: got %+v", row.rule, got)
		}
	}
}
