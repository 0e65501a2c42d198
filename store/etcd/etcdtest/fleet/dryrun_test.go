//go:build linux

package fleet_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"originwarden/store/etcd/etcdtest"
)

const exportedList = `{"originwarden":"export","version":1,"exported":"2026-01-02T03:04:05Z"}
{"tenant":"acme","revision":1}
{"id":"507f1f77bcf86cd7994390110123abcd","tenantId":"acme","name":"Shop","createdBy":"ops","created":"2026-01-02T03:04:05Z","lastUpdated":"2026-01-02T03:04:05Z","validOrigins":["https://shop.example"],"revision":1}
{"end":true,"integrations":1}
`

// A command that only reads must not create the store.
func TestReadOnlyCommands_WriteNothing(t *testing.T) {
	c := etcdtest.StartCluster(t, 1, nil)
	f := &fleet{T: t, dir: workDir(t)}
	etcd, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = etcd.Close() })
	url := "etcd://" + c.Endpoints()[0] + prefix
	file, never := f.path("lists.jsonl"), f.path("never.yaml")
	if err := os.WriteFile(file, []byte(exportedList), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(never, fmt.Appendf(nil, "store: {url: %q, create: never}\n", url), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		args   []string
		status int
		output string
	}{
		{"dry run", []string{"import", "--dry-run", "--store", url, file}, 0, "dry run, nothing was written: 1 created"},
		{"dry run with store.create never", []string{"import", "--dry-run", "--config", never, file}, 1, "store.create is never"},
		{"export", []string{"export", "--store", url}, 1, "there is no store"},
	} {
		command := exec.Command(program("originwarden"), row.args...)
		text, _ := command.CombinedOutput()
		if status := command.ProcessState.ExitCode(); status != row.status || !strings.Contains(string(text), row.output) {
			t.Errorf("%s: exit status %d, want %d\n%s", row.name, status, row.status, text)
		}
		if got, err := etcd.Get(t.Context(), "", clientv3.WithPrefix()); err != nil || got.Count != 0 {
			t.Errorf("%s: the cluster has the keys %v, %v", row.name, got, err)
		}
	}
	if text, err := exec.Command(program("originwarden"), "import", "--store", url, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	text, err := exec.Command(program("originwarden"), "import", "--dry-run", "--store", url, file).CombinedOutput()
	if err != nil || !strings.Contains(string(text), "0 created, 0 changed, 1 unchanged") {
		t.Errorf("dry run after the import: %v\n%s", err, text)
	}
}
