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
	"originwarden/store"
	"originwarden/store/transfer"
)

func TestExport_BringsAFileIntoAnother(t *testing.T) {
	from := newArchive(t, madeIn("acme", "Shop", "https://Shop.example", "capacitor://localhost"), madeIn("acme", "Blog"),
		madeIn("globex", "Shop", "https://shop.example"), madeIn("globex", hostileName))
	to := archive{t, filepath.Join(t.TempDir(), "new.db")}
	file := filepath.Join(t.TempDir(), "lists.jsonl")
	if got, want := succeeds(t, Environment{}, "export", "--store", from.url(), "--output", file), "exported 4 web integrations to "+file+"\n"; got != want {
		t.Errorf("it prints %q", got)
	}
	if stat, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && stat.Mode() != 0o600 {
		t.Errorf("the file has %v, %v", stat, err)
	}
	if got := to.makes(file); got != "4 created, 0 changed, 0 unchanged\n" {
		t.Errorf("it prints %q", got)
	}
	to.wantSame(from)
	if got := succeeds(t, Environment{}, "import", "--store", to.url(), file); got != "0 created, 0 changed, 4 unchanged\n" {
		t.Errorf("repeated, it prints %q", got)
	}
	to.wantSame(from)
	if _, revision := to.kept(); revision != 4 {
		t.Errorf("after a repetition it is at revision %d", revision)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(text), "\n")
	_, again, _ := strings.Cut(succeeds(t, Environment{}, "export", "--store", from.url()), "\n")
	if lines != again {
		t.Errorf("a second export differs:\n%s%s", lines, again)
	}
}

// hostileName is what no API takes out of a name.
const hostileName = "a\u202e\u2028\u200b\U000e0001ü😀\"<&>"

func TestExport_ReadsWhileAGatewayWrites(t *testing.T) {
	dir := t.TempDir()
	r := serving(t, dir, oneTenant(upstream(t, hello)))
	env := shell(r.tenants, adminTokenIn(t, dir))
	at := "sqlite:" + filepath.Join(dir, "lists.db")
	for i := range 3 {
		succeeds(t, env, "web-integration", "create", "--name", fmt.Sprint("n", i), "--validOrigins", "https://a.example")
		text := succeeds(t, Environment{}, "export", "--store", at)
		if want := fmt.Sprintf(`{"tenant":"acme","revision":%d}`, i+1); !strings.Contains(text, want) || !strings.HasSuffix(text, fmt.Sprintf("\n{\"end\":true,\"integrations\":%d}\n", i+1)) {
			t.Errorf("it has %s", text)
		}
	}
	var d readiness.Document
	getJSON(t, r.admin+"/readyz", &d)
	if text := succeeds(t, Environment{}, "export", "--store", at, "--tenant", "acme"); !strings.Contains(text, `"store":"`+d.Store.Identity+`"`) {
		t.Errorf("the identity is %s, and not in %s", d.Store.Identity, text)
	}
}

func TestExport_FromAServerIntoAStore(t *testing.T) {
	o := newOffice(t)
	for i := range 230 {
		o.make(fmt.Sprintf("name %d", i/3), "https://a.example", fmt.Sprintf("https://%d.example", i))
	}
	to := archive{t, filepath.Join(t.TempDir(), "new.db")}
	text := succeeds(t, o.env, "export", "--server", o.url)
	if !strings.Contains(text, `"server":"`+o.url+`"`) || strings.Contains(text, "revision") {
		t.Errorf("the header is %s", strings.SplitN(text, "\n", 2)[0])
	}
	if got := to.makes("--tenant", "acme=globex", saved(t, text)); got != "230 created, 0 changed, 0 unchanged\n" {
		t.Errorf("it prints %q", got)
	}
	_, all, err := o.store.Load(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := to.kept()
	for _, w := range all {
		w.TenantID, w.Revision = "globex", 0
		if !reflect.DeepEqual(got[w.ID], w) {
			t.Errorf("%+v became %+v", w, got[w.ID])
		}
	}
	if len(got) != len(all) {
		t.Errorf("there are %d", len(got))
	}
}

func TestExport_ReadsAServerUntilItStandsStill(t *testing.T) {
	o := newOffice(t)
	for i := range 150 {
		o.make(fmt.Sprintf("name %03d", i))
	}
	first, requests := o.make("a"), 0
	moving := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 2 { // after the first page: the list's first comes again
			_, err := o.store.Edit(t.Context(), "acme", first.ID, func(w *store.WebIntegration) error { w.Name = "z"; return nil })
			if err != nil {
				t.Error(err)
			}
		}
		r.URL.Scheme, r.URL.Host = "http", r.Host
		o.api.ServeHTTP(w, r)
	})
	text := succeeds(t, shell(moving, officeToken), "export")
	if n := strings.Count(text, first.ID); n != 1 || !strings.Contains(text, `"integrations":151}`) || !strings.Contains(text, `"name":"z"`) || requests != 6 {
		t.Errorf("it comes %d times, after %d requests", n, requests)
	}
}

func TestExport_GivesUpOnAServerThatNeverStandsStill(t *testing.T) {
	requests := 0
	server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		fmt.Fprintf(w, `{"data":[{"id":"x","name":"%d"}]}`, requests)
	})
	status, stdout, stderr := execution(t, shell(server, "t"), "export")
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "keep changing") || requests != 10 {
		t.Errorf("exit status %d after %d\n%s%s", status, requests, stdout, stderr)
	}
}

func TestExport_PrintsNothingThatTakesOverATerminal(t *testing.T) {
	server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":[{"id":"\u001b[2J","tenantId":"\u009b","name":"\u202e","createdBy":"\u0000","validOrigins":["\u001b"]}]}`)
	})
	if text := succeeds(t, shell(server, "t"), "export"); !isHarmless(text) || !strings.Contains(text, `"id":"\u001b[2J"`) {
		t.Errorf("it prints %q", text)
	}
}

func TestExport_TellsWhyItCannot(t *testing.T) {
	dir := t.TempDir()
	a := newArchive(t, madeIn("acme", "n"))
	foreign := filepath.Join(dir, "foreign.db")
	if err := os.WriteFile(foreign, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	refuses := upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })
	for _, row := range []struct {
		rule   string
		args   []string
		status int
		stderr string
	}{
		{"no such file", []string{"--store", "sqlite:" + dir + "/missing.db"}, exitFailed, "missing.db: file does not exist\n"},
		{"no such directory", []string{"--store", "sqlite:" + dir + "/missing/lists.db"}, exitFailed, "/missing does not exist\n"},
		{"no database", []string{"--store", "sqlite:" + foreign}, exitFailed, "it is not a SQLite database\n"},
		{"no such tenant", []string{"--store", a.url(), "--tenant", "acme,globex"}, exitFailed, `exporting: the store never had a tenant "globex"` + "\n"},
		{"no such directory for the output", []string{"--store", a.url(), "--output", dir + "/missing/out"}, exitFailed, "no such file or directory\n"},
		{"a directory for the output", []string{"--store", a.url(), "--output", dir}, exitFailed, " exists and is not a regular file\n"},
		{"a server that refuses", []string{"--server", refuses}, exitFailed, "403 Forbidden\n"},
		{"no store", []string{"--store", "postgres:x"}, exitUsage, `--store: "postgres:x" is not a store`},
		{"an argument", []string{"--store", a.url(), "x"}, exitUsage, "export takes no arguments"},
		{"a tenant of a server", []string{"--server", refuses, "--tenant", "acme"}, exitUsage, "--tenant is for a store"},
	} {
		if runtime.GOOS == "windows" && strings.Contains(row.rule, "for the output") {
			continue
		}
		status, stdout, stderr := execution(t, shell("", "t"), append([]string{"export"}, row.args...)...)
		if status != row.status || stdout != "" || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("it leaves %v", files)
	}
}

func TestExport_LeavesAnOlderFileWhenItFails(t *testing.T) {
	dir := t.TempDir()
	older := filepath.Join(dir, "lists.jsonl")
	if err := os.WriteFile(older, []byte("older"), 0o644); err != nil {
		t.Fatal(err)
	}
	refuses := upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })
	if status, _, stderr := execution(t, shell(refuses, "t"), "export", "--output", older); status != exitFailed {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	files, _ := os.ReadDir(dir)
	if text, err := os.ReadFile(older); string(text) != "older" || err != nil || len(files) != 1 {
		t.Errorf("there are %v with %q, %v", files, text, err)
	}
	succeeds(t, Environment{}, "export", "--store", newArchive(t).url(), "--output", older)
	stat, err := os.Stat(older)
	if err != nil || stat.Size() < 100 || runtime.GOOS != "windows" && stat.Mode() != 0o600 {
		t.Errorf("it becomes %v, %v", stat, err)
	}
}

func TestExport_EndsWhenItIsStopped(t *testing.T) {
	asked := make(chan struct{}, 1)
	silent := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	dir := t.TempDir()
	r := start(t, shell(silent, "t"), "export", "--output", filepath.Join(dir, "lists.jsonl"))
	<-asked
	if status := r.stop(t); status != exitFailed || !strings.Contains(r.stderr.String(), "context canceled") {
		t.Errorf("exit status %d\n%s", status, r.stderr)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("it leaves %v", files)
	}
}

func TestExport_FailsWhereItCannotPrint(t *testing.T) {
	a := newArchive(t, madeIn("acme", "n"))
	env := Environment{Stdout: full{}, Stderr: newOutput(), Getenv: func(string) string { return "" },
		Signals: func() (<-chan os.Signal, func()) { return nil, func() {} }}
	if status := Execute(env, "export", "--store", a.url()); status != exitFailed {
		t.Errorf("exit status %d\n%s", status, env.Stderr)
	}
	if status := Execute(env, "import", "--store", a.url(), saved(t, succeeds(t, Environment{}, "export", "--store", a.url()))); status != exitFailed {
		t.Errorf("of import: exit status %d\n%s", status, env.Stderr)
	}
}

func TestExport_HasAllThatTheFormatReads(t *testing.T) {
	all := []store.WebIntegration{madeIn("a", "1", "https://a.example"), madeIn("b", "2")}
	text := succeeds(t, Environment{}, "export", "--store", newArchive(t, all...).url())
	file, err := transfer.Read(bytes.NewReader([]byte(text)))
	if err != nil || len(file.Tenants) != 2 || !slices.Equal(file.Tenants[0].Integrations[0].ValidOrigins, all[0].ValidOrigins) {
		t.Errorf("%+v, %v", file, err)
	}
}
