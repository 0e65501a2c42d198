// Package decide_test runs the configurations of docs/decide.md in real proxies, which ask
// a real gateway about requests to a real application. What is expected is what the
// gateway does when it stands in the path itself.
package decide_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the path of the originwarden command that TestMain builds.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "originwarden-decide-")
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
