package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"originwarden/store"
)

// largeExport returns an export with n web integrations of a tenant.
func largeExport(t *testing.T, tenant string, n int) string {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "{\"originwarden\":\"export\",\"version\":1,\"exported\":\"2026-01-02T03:04:05Z\"}\n{\"tenant\":%q}\n", tenant)
	for i := range n {
		line, err := json.Marshal(map[string]any{
			"id": store.NewID(), "tenantId": tenant, "name": fmt.Sprint("n", i), "createdBy": "ops",
			"created": "2026-01-02T03:04:05Z", "lastUpdated": "2026-01-02T03:04:05Z",
			"validOrigins": []string{fmt.Sprintf("https://%d.%s.example", i, strings.Repeat(strings.Repeat("x", 60)+".", 3)+"x")},
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s\n", line)
	}
	fmt.Fprintf(&text, "{\"end\":true,\"integrations\":%d}\n", n)
	return text.String()
}

// TestImport_IsAtomicOnFile kills import processes while they write.
func TestImport_IsAtomicOnFile(t *testing.T) {
	const n = 6_000 // more than SQLite keeps in memory until the commit
	before := newIntegration("acme", "Before")
	to, file := newStoreFile(t, before), writeExport(t, largeExport(t, "acme", n))
	unlimited := writeConfig(t, "store: {url: '"+to.url()+"'}\napi: {limits: {integrations: 30000}}\n")
	launchImport := func() commandProcess {
		cmd := exec.Command(os.Args[0], "import", "--config", unlimited, file)
		cmd.Env = []string{envRunCommand + "=1"}
		return startProcess(t, cmd)
	}
	for range 2 {
		p := launchImport()
		for grown := false; !grown; { // until it has written something
			select {
			case status := <-p.exited:
				t.Fatalf("exit status %d before it was killed\n%s", status, p.stderr)
			case <-time.After(time.Millisecond):
				log, err := os.Stat(to.path + "-wal")
				grown = err == nil && log.Size() > 64<<10
			}
		}
		p.process.Kill()
		p.wait(t)
		if all, revision := to.contents(); len(all) != 1 || revision != 1 {
			t.Fatalf("killed import wrote %d web integrations, revision %d", len(all)-1, revision)
		}
	}
	p := launchImport()
	if status := waitWithin(t, p, 4*time.Minute); status != exitDone || p.stdout.String() != fmt.Sprintf("%d created, 0 changed, 0 unchanged\n", n) {
		t.Errorf("second import: got %s%s", p.stdout, p.stderr)
	}
	if all, _ := to.contents(); len(all) != n+1 {
		t.Errorf("%d web integrations, want %d", len(all), n+1)
	}
}

// waitWithin waits for the exit status longer than testTimeout, because the race
// detector slows a large import down.
func waitWithin(t *testing.T, p commandProcess, limit time.Duration) int {
	t.Helper()
	select {
	case status := <-p.exited:
		return status
	case <-time.After(limit):
		t.Fatalf("still running after %v:\n%s", limit, p.stderr)
		return 0
	}
}
