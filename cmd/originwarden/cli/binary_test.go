package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// commandProcess is a command that runs in a separate process.
type commandProcess struct {
	*runningCommand
	process *os.Process
}

// startBinary starts the built command and kills it at the end of the test.
func startBinary(t *testing.T, binary, dir string, args ...string) commandProcess {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	return startProcess(t, cmd)
}

// startProcess starts cmd with the environment of this process and cmd.Env. It collects
// what cmd writes, unless its output has a place.
func startProcess(t *testing.T, cmd *exec.Cmd) commandProcess {
	t.Helper()
	p := commandProcess{runningCommand: &runningCommand{stdout: newOutput(), stderr: newOutput(), exited: make(chan int, 1)}}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	}
	state := cmd.Dir
	if state == "" {
		state = t.TempDir()
	}
	cmd.Env = append(append(os.Environ(), "ORIGINWARDEN_CONFIG=", "XDG_STATE_HOME="+state), cmd.Env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.process = cmd.Process
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		p.exited <- cmd.ProcessState.ExitCode()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	return p
}

// TestBinary covers what needs a separate process: exit status, locks and
// signals.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	binary := buildCommand(t)
	t.Run("exits with its status", func(t *testing.T) {
		for _, c := range []struct {
			args   []string
			status int
		}{
			{nil, 0},
			{[]string{"version"}, 0},
			{[]string{"serve", "--upstream", "http://127.0.0.1:1", "--check"}, 0},
			{[]string{"serve", "--upstream", "http://127.0.0.1:1", "--store", "sqlite:missing/lists.db"}, 1},
			{[]string{"serve"}, 2},
			{[]string{"--nothing"}, 2},
		} {
			if p := startBinary(t, binary, t.TempDir(), c.args...); p.wait(t) != c.status {
				t.Errorf("%q: exit status is not %d\n%s", c.args, c.status, p.stderr)
			}
		}
	})
	t.Run("prints its version", func(t *testing.T) {
		p := startBinary(t, binary, t.TempDir(), "version")
		p.wait(t)
		if want := `^originwarden \S+\ncommit .+\n` + regexp.QuoteMeta(runtime.Version()) + ` \w+/\w+\n$`; !regexp.MustCompile(want).MatchString(p.stdout.String()) {
			t.Errorf("got %s", p.stdout)
		}
	})
	t.Run("locks its store", func(t *testing.T) { testLock(t, binary) })
	t.Run("loses no concurrent edit", func(t *testing.T) { testConcurrentEdits(t, binary) })
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run("stops cleanly on "+signal.String(), func(t *testing.T) { testSignal(t, binary, signal) })
	}
}

// buildCommand returns the file of the built command. With the race detector, it is this
// test binary, which has it: a race ends the command with status 66.
func buildCommand(t *testing.T) string {
	t.Helper()
	if underRace {
		t.Setenv(envRunCommand, "1")
		return os.Args[0]
	}
	binary := filepath.Join(t.TempDir(), "originwarden.exe")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// serveArgs returns the arguments of a gateway with a store in the default
// directory.
func serveArgs(upstream string) []string {
	return []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--upstream", upstream}
}

func testLock(t *testing.T, binary string) {
	dir := t.TempDir()
	first := startBinary(t, binary, dir, serveArgs("http://127.0.0.1:1")...)
	first.await(t, first.stdout, readyLine)
	second := startBinary(t, binary, dir, serveArgs("http://127.0.0.1:1")...)
	status := second.wait(t)
	if text := second.stderr.String(); status != exitFailed || strings.Count(text, "\n") != 2 || !strings.Contains(text, "waiting for it to end") ||
		!strings.Contains(lastLine(text), filepath.Join("originwarden", "originwarden.db")+": it is in use by another process, perhaps another gateway: ") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	if second.stdout.String() != "" {
		t.Errorf("stdout %s, want nothing", second.stdout)
	}
}

func testSignal(t *testing.T, binary string, signal syscall.Signal) {
	if runtime.GOOS == "windows" {
		t.Skip("signals are not supported")
	}
	tenant := startBlockingTenant(t)
	dir := t.TempDir()
	p := startBinary(t, binary, dir, serveArgs(tenant.url)...)
	found := p.await(t, p.stdout, readyLine)
	p.tenants = "http://" + found[1]
	result := tenant.sendRequest(p.runningCommand)
	if err := p.process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	p.await(t, p.stderr, `"msg":"stopping"`)
	close(tenant.release)
	if got := <-result; got.text != "hello" || got.err != nil {
		t.Errorf("the request got %q, %v", got.text, got.err)
	}
	if status := p.wait(t); status != exitDone || strings.Count(p.stdout.String(), "\n") != 1 {
		t.Errorf("exit status %d:\n%s%s", status, p.stdout, p.stderr)
	}
	if lines := bytes.Count([]byte(p.stderr.String()), []byte(`"path":"/slow"`)); lines != 1 {
		t.Errorf("%d log lines for the request, want 1:\n%s", lines, p.stderr)
	}
}
