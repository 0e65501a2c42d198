package disk_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// A test that needs a second process starts this binary with its task in
// taskVariable and the directory in pathVariable.
const (
	taskVariable = "ORIGINWARDEN_DISK_TASK"
	pathVariable = "ORIGINWARDEN_DISK_PATH"
)

func TestMain(m *testing.M) {
	tasks := map[string]func(path string) error{"hold": holdDisk, "write": writeUntilKilled, "invalidate": invalidateUntilKilled, "overflow": overflowLimit}
	if task := tasks[os.Getenv(taskVariable)]; task != nil {
		if err := task(os.Getenv(pathVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// process is another process of this binary that runs a task.
type process struct {
	*exec.Cmd
	stdin  io.Closer
	stdout *bufio.Scanner
}

func startProcess(t *testing.T, task, path string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), taskVariable+"="+task, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // if the test ended early
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &process{Cmd: cmd, stdin: stdin, stdout: bufio.NewScanner(stdout)}
}

// readLine returns the next line that the process prints.
func (p *process) readLine(t *testing.T) string {
	t.Helper()
	if !p.stdout.Scan() {
		t.Fatalf("the other process printed no further line: %v", p.stdout.Err())
	}
	return p.stdout.Text()
}

// closeStdin closes the process's stdin and waits until it exits.
func (p *process) closeStdin(t *testing.T) {
	t.Helper()
	_ = p.stdin.Close()
	if err := p.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
}
