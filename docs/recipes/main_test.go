// Package recipes_test follows docs/recipes.md: it runs the configurations, scripts and
// commands of that page in front of real servers, with pages in Chromium.
//
// The scripts need packages of npm: run "npm ci --ignore-scripts" in the folder scripts.
package recipes_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// binary is the path of the originwarden command that TestMain builds.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "originwarden-recipes-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "originwarden")
		build := exec.Command("go", "build", "-o", binary, "./cmd/originwarden")
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// startCommand starts a command and returns the first line that it prints. The command
// is stopped when the test ends.
func startCommand(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	var log bytes.Buffer
	command.Stderr = &log
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", command, &log)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s printed %q: %v", command, line, err)
	}
	return line
}
