//go:build linux

package upgrade_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// earlierCommit is the last one whose schema in SQLite is version 2, and whose keys in
// etcd have neither history, refused origins nor heartbeats.
const earlierCommit = "510725853747bc736aaa948de9e3db275897c85d"

const repository = "../../../.."

// builds are the paths of two originwarden commands.
type builds struct{ earlier, current string }

// build builds both commands. Without the earlier commit it skips the test, or fails it
// where ORIGINWARDEN_FULL_HISTORY=yes says that the clone has the whole history.
func build(t *testing.T) builds {
	t.Helper()
	if err := exec.Command("git", "-C", repository, "cat-file", "-e", earlierCommit+"^{commit}").Run(); err != nil {
		missing := fmt.Sprintf("the history of this clone does not have the commit %s, which this test builds: %v", earlierCommit, err)
		if os.Getenv("ORIGINWARDEN_FULL_HISTORY") == "yes" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	dir := t.TempDir()
	b := builds{filepath.Join(dir, "earlier"), filepath.Join(dir, "current")}
	sources := filepath.Join(dir, "sources")
	if err := os.Mkdir(sources, 0o700); err != nil {
		t.Fatal(err)
	}
	archive := exec.Command("git", "-C", repository, "archive", "--format=tar", earlierCommit)
	extract := exec.Command("tar", "-x", "-C", sources)
	text, err := archive.Output()
	if err != nil {
		t.Fatalf("reading the commit: %v", err)
	}
	extract.Stdin = bytes.NewReader(text)
	run(t, extract)
	for path, module := range map[string]string{b.earlier: sources, b.current: repository} {
		compile := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/originwarden")
		compile.Dir = module
		run(t, compile)
	}
	return b
}

func run(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", c.Args, err, text)
	}
}

// command runs a command that must end in time with this status, and returns its output.
func command(t *testing.T, status int, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.Env = append(os.Environ(), "ORIGINWARDEN_TOKEN="+token)
	text, _ := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != status {
		t.Fatalf("%q: exit status %d, want %d\n%s", c.Args, got, status, text)
	}
	return string(text)
}
