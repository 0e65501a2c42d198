package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Writes that are not made over the API have authors that say how they were made.
func TestHistory_NamesImportAndStartList(t *testing.T) {
	file := newStoreFile(t, newIntegration("acme", "Before"))
	mustRun(t, Environment{}, "import", "--store", file.url(), exportFile(t, newIntegration("acme", "Imported", "https://a.example")))
	r := startCommand(t, Environment{}, "serve", "--config", writeConfig(t, tenantConfig(startServer(t, hello))), "--store", file.url(),
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--origin", "https://b.example")
	r.tenants = "http://" + r.await(t, r.stdout, readyLine)[1]
	token, err := os.ReadFile(filepath.Join(filepath.Dir(file.path), adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	env := clientEnvironment(r.tenants, strings.TrimSpace(string(token)))
	status, stdout, stderr := runCommand(t, env, "web-integration", "history", "--since", "0")
	lines := strings.Split(stdout, "\n")
	if status != exitDone || len(lines) != 4 || !strings.Contains(lines[1], "  import          created  ") || !strings.Contains(lines[2], "  serve --origin  created  ") {
		t.Errorf("exit status %d, %s%s", status, stdout, stderr)
	}
	r.expectStop(t)
}
