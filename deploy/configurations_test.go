package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfiguration_IsValid runs serve --check on the configuration of compose.yaml,
// with a directory in place of its volume. The module check does so with those that
// the chart renders.
func TestConfiguration_IsValid(t *testing.T) {
	text, err := os.ReadFile("compose/originwarden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "originwarden.yaml")
	writeFile(t, config, strings.ReplaceAll(string(text), "/var/lib/originwarden", filepath.ToSlash(t.TempDir())))
	if out, err := exec.Command(binary, "serve", "--check", "--config", config).CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
		t.Errorf("%v\n%s", err, out)
	}
}
