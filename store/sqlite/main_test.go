package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"originwarden/store"
	"originwarden/store/sqlite"
)

// A test that needs a second process starts this binary with the name of a task in
// taskVariable and the path of the file in pathVariable.
const (
	taskVariable = "ORIGINWARDEN_SQLITE_TASK"
	pathVariable = "ORIGINWARDEN_SQLITE_PATH"
)

func TestMain(m *testing.M) {
	tasks := map[string]func(path string) error{"hold": holdOpen, "read": printStored, "write": writeUntilKilled, "refused": writeRefused}
	if task := tasks[os.Getenv(taskVariable)]; task != nil {
		if err := task(os.Getenv(pathVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// process is another process of this binary.
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
	t.Cleanup(func() { // if the test has not ended it
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &process{Cmd: cmd, stdin: stdin, stdout: bufio.NewScanner(stdout)}
}

// line returns the next line that the process prints.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.stdout.Scan() {
		t.Fatalf("the other process printed no more lines: %v", p.stdout.Err())
	}
	return p.stdout.Text()
}

// end closes the process's stdin and waits for it.
func (p *process) end(t *testing.T) {
	t.Helper()
	_ = p.stdin.Close()
	if err := p.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
}

// testOptions returns options with limits that no test reaches.
func testOptions(path string) sqlite.Options {
	return sqlite.Options{
		Path: path, Limits: store.Limits{Integrations: 1_000_000, Origins: 100_000_000},
		History: store.Retention{Records: 1000, Age: 8760 * time.Hour},
	}
}

// holdOpen keeps the store open until stdin ends.
func holdOpen(path string) error {
	s, err := sqlite.Open(context.Background(), testOptions(path))
	if err != nil {
		return err
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

// printStored prints what another process reads from the file.
func printStored(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	var name, list string
	var revision int
	err = db.QueryRow("SELECT name, valid_origins, revision FROM web_integrations").Scan(&name, &list, &revision)
	fmt.Println(name, list, revision)
	return err
}
