package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/server/readiness"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/transfer"
)

func TestExport_CopiesStoreByImport(t *testing.T) {
	from := newStoreFile(t, newIntegration("acme", "Shop", "https://Shop.example", "capacitor://localhost"), newIntegration("acme", "Blog"),
		newIntegration("globex", "Shop", "https://shop.example"), newIntegration("globex", hostileName))
	to := storeFile{t, filepath.Join(t.TempDir(), "new.db")}
	file := filepath.Join(t.TempDir(), "lists.jsonl")
	if got, want := mustRun(t, Environment{}, "export", "--store", from.url(), "--output", file), "exported 4 web integrations to "+file+"\n"; got != want {
		t.Errorf("got output %q", got)
	}
	if stat, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && stat.Mode() != 0o600 {
		t.Errorf("file mode: %v, %v", stat, err)
	}
	if got := to.importNew(file); got != "4 created, 0 changed, 0 unchanged\n" {
		t.Errorf("got output %q", got)
	}
	to.wantSame(from)
	if got := mustRun(t, Environment{}, "import", "--store", to.url(), file); got != "0 created, 0 changed, 4 unchanged\n" {
		t.Errorf("second import: got %q", got)
	}
	to.wantSame(from)
	if _, revision := to.contents(); revision != 4 {
		t.Errorf("revision %d after the second import, want 4", revision)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(text), "\n")
	_, again, _ := strings.Cut(mustRun(t, Environment{}, "export", "--store", from.url()), "\n")
	if lines != again {
		t.Errorf("second export differs:\n%s%s", lines, again)
	}
}

// hostileName has characters that the API allows in names but a terminal
// misinterprets.
const hostileName = "a\u202e\u2028\u200b\U000e0001ü😀\"<&>"

func TestExport_ReadsStoreInUse(t *testing.T) {
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	env := clientEnvironment(r.tenants, readAdminToken(t, dir))
	at := "sqlite:" + filepath.Join(dir, "lists.db")
	for i := range 3 {
		mustRun(t, env, "web-integration", "create", "--name", fmt.Sprint("n", i), "--validOrigins", "https://a.example")
		text := mustRun(t, Environment{}, "export", "--store", at)
		if want := fmt.Sprintf(`{"tenant":"acme","revision":%d}`, i+1); !strings.Contains(text, want) || !strings.HasSuffix(text, fmt.Sprintf("\n{\"end\":true,\"integrations\":%d}\n", i+1)) {
			t.Errorf("got %s", text)
		}
	}
	var d readiness.Document
	getJSON(t, r.admin+"/readyz", &d)
	if text := mustRun(t, Environment{}, "export", "--store", at, "--tenant", "acme"); !strings.Contains(text, `"store":"`+d.Store.Identity+`"`) {
		t.Errorf("export lacks the identity %s: %s", d.Store.Identity, text)
	}
}

func TestExport_CopiesServerIntoStore(t *testing.T) {
	api := startAPI(t)
	for i := range 230 {
		api.create(fmt.Sprintf("name %d", i/3), "https://a.example", fmt.Sprintf("https://%d.example", i))
	}
	to := storeFile{t, filepath.Join(t.TempDir(), "new.db")}
	text := mustRun(t, api.env, "export", "--server", api.url)
	if !strings.Contains(text, `"server":"`+api.url+`"`) || strings.Contains(text, "revision") {
		t.Errorf("got header %s", strings.SplitN(text, "\n", 2)[0])
	}
	if got := to.importNew("--tenant", "acme=globex", writeExport(t, text)); got != "230 created, 0 changed, 0 unchanged\n" {
		t.Errorf("got output %q", got)
	}
	_, all, err := api.store.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := to.contents()
	for _, w := range all {
		w.TenantID, w.Revision = "globex", 0
		if !reflect.DeepEqual(got[w.ID], w) {
			t.Errorf("got %+v, want %+v", got[w.ID], w)
		}
	}
	if len(got) != len(all) {
		t.Errorf("%d web integrations, want %d", len(got), len(all))
	}
}

func TestExport_ReadsServerAgainAfterChange(t *testing.T) {
	api := startAPI(t)
	for i := range 150 {
		api.create(fmt.Sprintf("name %03d", i))
	}
	first, requests := api.create("a"), 0
	moving := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 2 { // after the first page: its first entry moves to the end
			_, err := api.store.Edit(t.Context(), "acme", first.ID, func(w *store.WebIntegration) error { w.Name = "z"; return nil })
			if err != nil {
				t.Error(err)
			}
		}
		r.URL.Scheme, r.URL.Host = "http", r.Host
		api.handler.ServeHTTP(w, r)
	})
	text := mustRun(t, clientEnvironment(moving, apiToken), "export")
	if n := strings.Count(text, first.ID); n != 1 || !strings.Contains(text, `"integrations":151}`) || !strings.Contains(text, `"name":"z"`) || requests != 6 {
		t.Errorf("exported %d times after %d requests, want once after 6", n, requests)
	}
}

func TestExport_FailsWhenServerKeepsChanging(t *testing.T) {
	requests := 0
	server := startServer(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		fmt.Fprintf(w, `{"data":[{"id":"x","name":"%d"}]}`, requests)
	})
	status, stdout, stderr := runCommand(t, clientEnvironment(server, "t"), "export")
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "keep changing") || requests != 10 {
		t.Errorf("exit status %d after %d requests\n%s%s", status, requests, stdout, stderr)
	}
}

func TestExport_EscapesControlCharacters(t *testing.T) {
	server := startServer(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":[{"id":"\u001b[2J","tenantId":"\u009b","name":"\u202e","createdBy":"\u0000","validOrigins":["\u001b"]}]}`)
	})
	if text := mustRun(t, clientEnvironment(server, "t"), "export"); !isPrintable(text) || !strings.Contains(text, `"id":"\u001b[2J"`) {
		t.Errorf("got output %q", text)
	}
}

func TestExport_ReportsErrors(t *testing.T) {
	dir := t.TempDir()
	a := newStoreFile(t, newIntegration("acme", "n"))
	foreign := filepath.Join(dir, "foreign.db")
	if err := os.WriteFile(foreign, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses := startServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })
	for _, row := range []struct {
		rule   string
		args   []string
		status int
		stderr string
	}{
		{"missing file", []string{"--store", "sqlite:" + dir + "/missing.db"}, exitFailed, "missing.db: file does not exist\n"},
		{"missing directory", []string{"--store", "sqlite:" + dir + "/missing/lists.db"}, exitFailed, "/missing does not exist\n"},
		{"not a database", []string{"--store", "sqlite:" + foreign}, exitFailed, "it is not a SQLite database\n"},
		{"unknown tenant", []string{"--store", a.url(), "--tenant", "acme,globex"}, exitFailed, `exporting: the store never had a tenant "globex"` + "\n"},
		{"missing directory for the output", []string{"--store", a.url(), "--output", dir + "/missing/out"}, exitFailed, "no such file or directory\n"},
		{"directory for the output", []string{"--store", a.url(), "--output", dir}, exitFailed, " exists and is not a regular file\n"},
		{"server refuses", []string{"--server", refuses}, exitFailed, "403 Forbidden\n"},
		{"invalid store", []string{"--store", "postgres:x"}, exitUsage, `--store: "postgres:x" is not a store`},
		{"argument", []string{"--store", a.url(), "x"}, exitUsage, "export takes no arguments"},
		{"--tenant with --server", []string{"--server", refuses, "--tenant", "acme"}, exitUsage, "--tenant is for a store"},
	} {
		if runtime.GOOS == "windows" && strings.Contains(row.rule, "for the output") {
			continue
		}
		status, stdout, stderr := runCommand(t, clientEnvironment("", "t"), append([]string{"export"}, row.args...)...)
		if status != row.status || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestExport_KeepsExistingFileOnError(t *testing.T) {
	dir := t.TempDir()
	older := filepath.Join(dir, "lists.jsonl")
	if err := os.WriteFile(older, []byte("older"), 0o644); err != nil {
		t.Fatal(err)
	}
	refuses := startServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })
	if status, _, stderr := runCommand(t, clientEnvironment(refuses, "t"), "export", "--output", older); status != exitFailed {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	files, _ := os.ReadDir(dir)
	if text, err := os.ReadFile(older); string(text) != "older" || err != nil || len(files) != 1 {
		t.Errorf("directory has %v, file has %q, %v", files, text, err)
	}
	mustRun(t, Environment{}, "export", "--store", newStoreFile(t).url(), "--output", older)
	stat, err := os.Stat(older)
	if err != nil || stat.Size() < 100 || runtime.GOOS != "windows" && stat.Mode() != 0o600 {
		t.Errorf("file after a successful export: %v, %v", stat, err)
	}
}

func TestExport_StopsOnSignal(t *testing.T) {
	requested := make(chan struct{}, 1)
	silent := startServer(t, func(_ http.ResponseWriter, r *http.Request) {
		requested <- struct{}{}
		<-r.Context().Done()
	})
	dir := t.TempDir()
	r := startCommand(t, clientEnvironment(silent, "t"), "export", "--output", filepath.Join(dir, "lists.jsonl"))
	<-requested
	if status := r.stop(t); status != exitFailed || !strings.Contains(r.stderr.String(), "context canceled") {
		t.Errorf("exit status %d\n%s", status, r.stderr)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestExport_FailsOnWriteError(t *testing.T) {
	a := newStoreFile(t, newIntegration("acme", "n"))
	env := Environment{Stdout: fullDisk{}, Stderr: newOutput(), Getenv: func(string) string { return "" },
		Signals: func() (<-chan os.Signal, func()) { return nil, func() {} }}
	if status := Execute(env, "export", "--store", a.url()); status != exitFailed {
		t.Errorf("exit status %d\n%s", status, env.Stderr)
	}
	if status := Execute(env, "import", "--store", a.url(), writeExport(t, mustRun(t, Environment{}, "export", "--store", a.url()))); status != exitFailed {
		t.Errorf("import: exit status %d\n%s", status, env.Stderr)
	}
}

func TestExport_WritesReadableFormat(t *testing.T) {
	all := []store.WebIntegration{newIntegration("a", "1", "https://a.example"), newIntegration("b", "2")}
	text := mustRun(t, Environment{}, "export", "--store", newStoreFile(t, all...).url())
	file, err := transfer.Read(bytes.NewReader([]byte(text)), func(string) origins.Patterns { return origins.NoPatterns })
	if err != nil || len(file.Tenants) != 2 || !slices.Equal(file.Tenants[0].Integrations[0].ValidOrigins, all[0].ValidOrigins) {
		t.Errorf("%+v, %v", file, err)
	}
}
