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

// storeFile is a SQLite store that is not open.
type storeFile struct {
	t    *testing.T
	path string
}

// newStoreFile creates a store with these web integrations.
func newStoreFile(t *testing.T, all ...store.WebIntegration) storeFile {
	t.Helper()
	a := storeFile{t, filepath.Join(t.TempDir(), "lists.db")}
	a.withStore(func(s store.Store) {
		for _, w := range all {
			if _, err := s.Create(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
	})
	return a
}

// withStore opens the store, calls do and closes it.
func (a storeFile) withStore(do func(store.Store)) {
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

func (a storeFile) url() string { return "sqlite:" + a.path }

// contents returns the web integrations by id, without their revisions, and the
// revision of the store.
func (a storeFile) contents() (all map[string]store.WebIntegration, revision uint64) {
	a.t.Helper()
	all = map[string]store.WebIntegration{}
	a.withStore(func(s store.Store) {
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

// wantSame fails unless both stores have the same web integrations, apart from
// revisions.
func (a storeFile) wantSame(b storeFile) {
	a.t.Helper()
	got, _ := a.contents()
	want, _ := b.contents()
	if !reflect.DeepEqual(got, want) {
		a.t.Errorf("store has\n%+v, want\n%+v", got, want)
	}
}

// newIntegration returns a web integration that was created in 2020.
func newIntegration(tenant, name string, entries ...string) store.WebIntegration {
	then := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	return store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: name, CreatedBy: "someone", Created: then, LastUpdated: then.Add(time.Hour),
		ValidOrigins: append([]string{}, entries...),
	}
}

// mustRun runs a command that succeeds and prints nothing on stderr, and returns
// its output.
func mustRun(t *testing.T, env Environment, args ...string) string {
	t.Helper()
	status, stdout, stderr := runCommand(t, env, args...)
	if status != exitDone || stderr != "" {
		t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
	}
	return stdout
}

// newStoreMessage returns what import prints when it creates the store.
func (a storeFile) newStoreMessage() string {
	return "originwarden: the store " + a.url() + " is new and empty\n"
}

// importNew imports into the store, which must not exist, and returns the output.
func (a storeFile) importNew(args ...string) string {
	a.t.Helper()
	status, stdout, stderr := runCommand(a.t, Environment{}, append([]string{"import", "--store", a.url()}, args...)...)
	if status != exitDone || stderr != a.newStoreMessage() {
		a.t.Fatalf("%q: exit status %d\n%s%s", args, status, stdout, stderr)
	}
	return stdout
}

// writeExport writes text to a file and returns its name.
func writeExport(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "lists.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestLocation_IsGivenOnce covers export and import.
func TestLocation_IsGivenOnce(t *testing.T) {
	api := startAPI(t)
	api.create("served")
	flagged, configured := newStoreFile(t, newIntegration("acme", "flagged")), newStoreFile(t, newIntegration("acme", "configured"))
	file := writeConfig(t, "store: {url: '"+configured.url()+"'}\ntenants: [{id: acme, upstream: 'http://127.0.0.1:1'}]\n")
	bare := writeConfig(t, "store: {url: '"+configured.url()+"'}\n")
	broken := writeConfig(t, "store: {urls: x}\n")
	for _, row := range []struct {
		rule, args, config, server string
		status                     int
		want                       string // the name of a web integration, or a part of stderr
	}{
		{"no location", "", "", "", exitUsage, "there is no store and no server: give --store, --config or --server\n"},
		{"--store", "--store " + flagged.url(), "", "", exitDone, "flagged"},
		{"--config", "--config " + file, "", "", exitDone, "configured"},
		{"--config without tenants", "--config " + bare, "", "", exitDone, "configured"},
		{"--store over --config", "--config " + file + " --store " + flagged.url(), "", "", exitDone, "flagged"},
		{"--server", "--server " + api.url, "", "", exitDone, "served"},
		{"configuration of the environment", "", file, "", exitDone, "configured"},
		{"server of the environment", "", "", api.url, exitDone, "served"},
		{"configuration and server of the environment", "", file, api.url, exitUsage, "both ORIGINWARDEN_CONFIG and ORIGINWARDEN_SERVER are set"},
		{"--store over the environment", "--store " + flagged.url(), file, api.url, exitDone, "flagged"},
		{"--config over the environment", "--config " + bare, broken, api.url, exitDone, "configured"},
		{"--server over the environment", "--server " + api.url, broken, "http://127.0.0.1:1", exitDone, "served"},
		{"--server with --store", "--server x --store " + flagged.url(), "", "", exitUsage, "[server store]"},
		{"--server with --config", "--server x --config x", "", "", exitUsage, "[config server]"},
		{"invalid configuration", "--config " + broken, "", "", exitUsage, broken + `:1: unknown key "urls" in store` + "\n"},
		{"missing configuration", "--config " + broken + "x", "", "", exitUsage, "reading the configuration: open "},
		{"no server", "--server acme.example.com", "", "", exitUsage, "the server is not a URL such as https://"},
	} {
		env := Environment{Getenv: func(name string) string {
			return map[string]string{"ORIGINWARDEN_CONFIG": row.config, "ORIGINWARDEN_SERVER": row.server, "ORIGINWARDEN_TOKEN": apiToken}[name]
		}}
		status, stdout, stderr := runCommand(t, env, append([]string{"export"}, strings.Fields(row.args)...)...)
		if want := `"name":"` + row.want + `"`; status == exitDone && (!strings.Contains(stdout, want) || stderr != "") ||
			status != exitDone && (stdout != "" || !strings.Contains(stderr, row.want)) || status != row.status {
			t.Errorf("export, %s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
		empty := writeExport(t, mustRun(t, Environment{}, "export", "--store", newStoreFile(t).url()))
		status, stdout, stderr = runCommand(t, env, append([]string{"import", empty}, strings.Fields(row.args)...)...)
		if status == exitDone && stdout != "0 created, 0 changed, 0 unchanged\n" || status != exitDone && !strings.Contains(stderr, row.want) && row.rule != "no server" || status != row.status && row.rule != "no server" {
			t.Errorf("import, %s: exit status %d\n%s%s", row.rule, status, stdout, stderr)
		}
	}
}
