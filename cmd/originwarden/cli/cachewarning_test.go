package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"originwarden/store"
	"originwarden/store/sqlite"
)

const (
	tooManyTenants = "more tenants than cache.tenants"
	tooManyOrigins = "more origins than cache.origins"
)

// Lists that do not fit into the cache are missing when the store fails.
func TestServe_WarnsWhenListsExceedTheCache(t *testing.T) {
	up := startServer(t, hello)
	dir := t.TempDir()
	tenants := "tenants:\n"
	for _, id := range []string{"a", "b", "c"} {
		tenants += fmt.Sprintf("  - {id: %s, hosts: [%s.example], upstream: '%s'}\n", id, id, up)
	}
	createLists(t, dir, "a", "b", "c")
	for _, row := range []struct {
		cache         string
		logged, check string
	}{
		{"{tenants: 3, origins: 6}", "", ""},
		{"{tenants: 2, origins: 6}", tooManyTenants, "more tenants than cache.tenants; tenants: 3; cache_tenants: 2; consequence: a list"},
		{"{tenants: 3, origins: 5}", tooManyOrigins, "lists.db; cache_origins: 5; consequence: a list"},
		{"{tenants: 3, origins: 1}", tooManyOrigins, "lists.db; cache_origins: 1; consequence: a list"},
	} {
		limits := "api: {limits: {origins: 1, tenant_origins: 1}}\n"
		r := launchGateway(t, Environment{}, dir, tenants+"cache: "+row.cache+"\n"+limits)
		r.stop(t)
		for _, warning := range []string{tooManyTenants, tooManyOrigins} {
			if got := strings.Contains(r.stderr.String(), `"level":"warn"`) && strings.Contains(r.stderr.String(), warning); got != (row.logged == warning) {
				t.Errorf("%s: warning %q: %t, want %t\n%s", row.cache, warning, got, !got, r.stderr)
			}
		}
		status, stdout, stderr := runCommand(t, Environment{}, "serve", "--check", "--config", writeConfig(t, tenants+"cache: "+row.cache+"\n"+limits),
			"--store", "sqlite:"+filepath.Join(dir, "lists.db"))
		if status != exitDone || stdout != "configuration is valid\n" || !strings.Contains(stderr, row.check) || (stderr != "") != (row.check != "") {
			t.Errorf("%s: --check: exit status %d, %s%s", row.cache, status, stdout, stderr)
		}
	}
}

// createLists stores a list of two origins for each tenant.
func createLists(t *testing.T, dir string, tenants ...string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "lists.db"), Limits: store.Limits{Integrations: 1, Origins: 2}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range tenants {
		w := store.WebIntegration{ID: store.NewID(), TenantID: id, Name: "n", ValidOrigins: []string{"https://one.example", "https://two.example"}}
		if _, err := s.Create(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
