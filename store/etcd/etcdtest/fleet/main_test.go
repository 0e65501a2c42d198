//go:build linux

package fleet_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs is the directory of the programs that TestMain builds.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "originwarden-programs-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(programs)
		for _, build := range []struct{ module, folder string }{{"../../../..", "./cmd/originwarden"}, {"..", "./member"}} {
			command := exec.Command("go", "build", "-o", program(filepath.Base(build.folder)), build.folder)
			command.Dir = build.module
			if text, err := command.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "building %s: %v\n%s", build.folder, err, text)
				return 1
			}
		}
		return m.Run()
	}())
}

// program returns the path of the program of this name: originwarden or member.
func program(name string) string { return filepath.Join(programs, name) }
