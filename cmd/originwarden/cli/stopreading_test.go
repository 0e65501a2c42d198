package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A command that waits for its input can be stopped, such as one that was called in a
// terminal by mistake.
func TestCommands_StopWhileTheyRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("signals are not supported")
	}
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"apply", "-f", "-", "--server", "http://127.0.0.1:1"},
		{"import", "--store", "sqlite:" + filepath.Join(dir, "lists.db")},
	} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer write.Close()
		cmd := exec.Command(os.Args[0], args...)
		cmd.Stdin, cmd.Env = read, []string{envRunCommand + "=1", "ORIGINWARDEN_TOKEN=" + apiToken}
		p := startProcess(t, cmd)
		read.Close()
		// More than a pipe holds: the command has begun to read.
		if _, err := write.WriteString(strings.Repeat(" ", 256<<10)); err != nil {
			t.Fatal(err)
		}
		p.process.Signal(os.Interrupt)
		if status := p.wait(t); status != exitFailed || !strings.HasSuffix(p.stderr.String(), "stopped while reading the input\n") {
			t.Errorf("%q: exit status %d\n%s", args, status, p.stderr)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}
