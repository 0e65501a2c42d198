package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"originwarden/store"
	"originwarden/store/sqlite"
)

// archive is a SQLite file that nobody has open.
type archive struct {
	t    *testing.T
	path string
}

// newArchive makes a file that has these.
func newArchive(t *testing.T, all ...store.WebIntegration) archive {
	t.Helper()
	a := archive{t, filepath.Join(t.TempDir(), "lists.db")}
	a.use(func(s store.Store) {
		for _, w := range all {
			if _, err := s.Create(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
	})
	return a
}

// use opens the file for as long as do takes.
func (a archive) use(do func(store.Store)) {
	a.t.Helper()
	s, err := sqlite.Open(a.t.Context(), sqlite.Options{Path: a.path, Limits: store.Limits{Integrations: 1000, Origins: 10_000}})
	if err != nil {
		a.t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		a.t.Fatal(err)
	}
}

func (a archive) url() string { return "sqlite:" + a.path }

// kept is what the file has by id, and the revision of its last write.
func (a archive) kept() (all map[string]store.WebIntegration, revision uint64) {
	a.t.Helper()
	all = map[string]store.WebIntegration{}
	a.use(func(s store.Store) {
		at, tenants, err := s.Tenants(a.t.Context())
		if err != nil {
			a.t.Fatal(err)
		}
		for tenant := range tenants {
			_, some, err := s.Load(a.t.Context(), tenant)
			if err != nil {
				a.t.Fatal(err)
			}
			for _, w := range some {
				w.Revision = 0
				all[w.ID] = w
			}
		}
		revision = at.Revision
	})
	return all, revision
}

// wantSame wants both to have the same, but for revisions.
func (a archive) wantSame(b archive) {
	a.t.Helper()
	got, _ := a.kept()
	want, _ := b.kept()
	if !reflect.DeepEqual(got, want) {
		a.t.Errorf("it has\n%+v, want\n%+v", got, want)
	}
}

// madeIn is a web integration that was made in another year.
func madeIn(tenant, name string, entries ...string) store.WebIntegration {
	then := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "someone", Created: then, LastUpdated: then.Add(time.Hour),
		ValidOrigins: append([]string{}, entries...),
	}
}

// succeeds runs a command that has nothing to say on stderr, and returns what
// it prints.
func succeeds(t *testing.T, env Environment, args ...string) string {
	t.Helper()
	status, stdout, stderr := execution(t, env, args...)
	if status != exitDone || stderr != "" {
		t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
	}
	return stdout
}

// newStore is what is told of the file when it is made.
func (a archive) newStore() string {
	return "originwarden: the store " + a.url() + " is new and empty\n"
}

// makes runs an import into the file, which is made, and returns what it prints.
func (a archive) makes(args ...string) string {
	a.t.Helper()
	status, stdout, stderr := execution(a.t, Environment{}, append([]string{"import", "--store", a.url()}, args...)...)
	if status != exitDone || stderr != a.newStore() {
		a.t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
	}
	return stdout
}

// saved writes text to a file.
func saved(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "lists.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPlace_IsSaidOnce is about both export and import.
func TestPlace_IsSaidOnce(t *testing.T) {
	o := newOffice(t)
	o.make("served")
	flagged, configured := newArchive(t, madeIn("acme", "flagged")), newArchive(t, madeIn("acme", "configured"))
	file := writeConfig(t, "store: {url: '"+configured.url()+"'}\ntenants: [{id: acme, upstream: 'http://127.0.0.1:1'}]\n")
	bare := writeConfig(t, "store: {url: '"+configured.url()+"'}\n")
	broken := writeConfig(t, "store: {urls: x}\n")
	for _, row := range []struct {
		rule, args, config, server string
		status                     int
		want                       string // a name, or a part of what is told
	}{
		{"nothing", "", "", "", exitUsage, "there is no store and no server: give --store, --config or --server\n"},
		{"a store", "--store " + flagged.url(), "", "", exitDone, "flagged"},
		{"a configuration", "--config " + file, "", "", exitDone, "configured"},
		{"one that serves nobody", "--config " + bare, "", "", exitDone, "configured"},
		{"the store is before the configuration's", "--config " + file + " --store " + flagged.url(), "", "", exitDone, "flagged"},
		{"a server", "--server " + o.url, "", "", exitDone, "served"},
		{"the environment's configuration", "", file, "", exitDone, "configured"},
		{"the environment's server", "", "", o.url, exitDone, "served"},
		{"both of the environment", "", file, o.url, exitUsage, "both ORIGINWARDEN_CONFIG and ORIGINWARDEN_SERVER are set"},
		{"a flag is before the environment", "--store " + flagged.url(), file, o.url, exitDone, "flagged"},
		{"another flag too", "--config " + bare, broken, o.url, exitDone, "configured"},
		{"and another", "--server " + o.url, broken, "http://127.0.0.1:1", exitDone, "served"},
		{"a server and a store", "--server x --store " + flagged.url(), "", "", exitUsage, "[server store]"},
		{"a server and a configuration", "--server x --config x", "", "", exitUsage, "[config server]"},
		{"a broken configuration", "--config " + broken, "", "", exitUsage, broken + `:1: unknown key "urls" in store` + "\n"},
		{"no configuration", "--config " + broken + "x", "", "", exitUsage, "reading the configuration: open "},
		{"no server", "--server acme.example.com", "", "", exitUsage, "the server is not a URL such as https://"},
	} {
		env := Environment{Getenv: func(name string) string {
			return map[string]string{"ORIGINWARDEN_CONFIG": row.config, "ORIGINWARDEN_SERVER": row.server, "ORIGINWARDEN_TOKEN": officeToken}[name]
		}}
		status, stdout, stderr := execution(t, env, append([]string{"export"}, strings.Fields(row.args)...)...)
		if want := `"name":"` + row.want + `"`; status == exitDone && (!strings.Contains(stdout, want) || stderr != "") ||
			status != exitDone && (stdout != "" || !strings.Contains(stderr, row.want)) || status != row.status {
			t.Errorf("export, %s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
		empty := saved(t, succeeds(t, Environment{}, "export", "--store", newArchive(t).url()))
		status, stdout, stderr = execution(t, env, append([]string{"import", empty}, strings.Fields(row.args)...)...)
		if status == exitDone && stdout != "0 created, 0 changed, 0 unchanged\n" || status != exitDone && !strings.Contains(stderr, row.want) && row.rule != "no server" || status != row.status && row.rule != "no server" {
			t.Errorf("import, %s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
}
