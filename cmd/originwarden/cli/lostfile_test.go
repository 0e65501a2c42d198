package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"originwarden/cmd/originwarden/server/readiness"
)

// TestServe_ContinuesWithoutStoreFile moves the store of a running gateway away
// and back.
func TestServe_ContinuesWithoutStoreFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be removed")
	}
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello)))
	file, away := filepath.Join(dir, "lists.db"), filepath.Join(dir, "away.db")
	headers := []string{"Authorization: Bearer " + readAdminToken(t, dir), "Content-Type: application/json"}
	create := func() (int, string) {
		response, text := send(t, "POST", r.tenants+collection, `{"name":"n","validOrigins":["https://page.example"]}`, headers...)
		return response.StatusCode, text
	}
	if status, text := create(); status != 201 {
		t.Fatal(status, text)
	}
	if err := os.Rename(file, away); err != nil {
		t.Fatal(err)
	}
	awaitWriteProblem(t, r, "replaced", file+" is gone")
	if status, text := create(); status != 503 || !strings.Contains(text, "The write was not made: the store's file was removed or replaced.") {
		t.Errorf("write without the file: %d %s", status, text)
	}
	if response, _ := send(t, "GET", r.tenants, "", "Origin: https://page.example"); response.StatusCode != 200 {
		t.Errorf("listed origin: %s", response.Status)
	}
	if _, text := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(text, `originwarden_store_write_failures_total{cause="replaced"} 1`) ||
		!strings.Contains(text, `originwarden_store_write_problem{cause="replaced"} 1`) {
		t.Error(text)
	}
	if err := os.Rename(away, file); err != nil {
		t.Fatal(err)
	}
	awaitWriteProblem(t, r, "", "")
	if status, text := create(); status != 201 {
		t.Errorf("write with the file restored: %d %s", status, text)
	}
}

// awaitWriteProblem waits until the gateway is ready and reports this write
// problem.
func awaitWriteProblem(t *testing.T, r *runningCommand, cause, why string) {
	t.Helper()
	var d readiness.Document
	for deadline := time.Now().Add(testTimeout + 20*time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		d = readiness.Document{}
		getJSON(t, r.admin+"/readyz", &d)
		if string(d.Store.WriteProblem) == cause && strings.Contains(d.Problem, why) && d.Ready {
			return
		}
	}
	t.Errorf("readiness: got %+v, want write problem %q", d, cause)
}
