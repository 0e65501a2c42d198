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

// program is the built command under way in a process of its own.
type program struct {
	*running
	process *os.Process
}

// launch starts the built command. It is killed at the end of the test, if it
// has not ended before.
func launch(t *testing.T, binary, dir string, args ...string) program {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	return begin(t, cmd)
}

// begin starts a process of the command, with cmd.Env beside this one's.
func begin(t *testing.T, cmd *exec.Cmd) program {
	t.Helper()
	p := program{running: &running{stdout: newOutput(), stderr: newOutput(), exited: make(chan int, 1)}}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
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

// TestBinary is about what only a process of its own can show.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the command")
	}
	binary := filepath.Join(t.TempDir(), "originwarden.exe")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
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
			if p := launch(t, binary, t.TempDir(), c.args...); p.wait(t) != c.status {
				t.Errorf("%q: not %d\n%s", c.args, c.status, p.stderr)
			}
		}
	})
	t.Run("tells its version", func(t *testing.T) {
		p := launch(t, binary, t.TempDir(), "version")
		p.wait(t)
		if want := `^originwarden \S+\ncommit .+\n` + regexp.QuoteMeta(runtime.Version()) + ` \w+/\w+\n$`; !regexp.MustCompile(want).MatchString(p.stdout.String()) {
			t.Errorf("got %s", p.stdout)
		}
	})
	t.Run("locks its store", func(t *testing.T) { testLock(t, binary) })
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run("ends in order upon "+signal.String(), func(t *testing.T) { testSignal(t, binary, signal) })
	}
}

// serveArgs are for a gateway whose store is below the working directory.
func serveArgs(upstream string) []string {
	return []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--upstream", upstream}
}

func testLock(t *testing.T, binary string) {
	dir := t.TempDir()
	first := launch(t, binary, dir, serveArgs("http://127.0.0.1:1")...)
	first.await(t, first.stdout, readyLine)
	second := launch(t, binary, dir, serveArgs("http://127.0.0.1:1")...)
	status := second.wait(t)
	if text := second.stderr.String(); status != exitFailed || strings.Count(text, "\n") != 2 || !strings.Contains(text, "waiting for it to end") ||
		!strings.Contains(lastLine(text), filepath.Join("originwarden", "originwarden.db")+": it is in use by another process, perhaps another gateway: ") {
		t.Errorf("exit status %d:\n%s", status, text)
	}
	if second.stdout.String() != "" {
		t.Errorf("it prints %s", second.stdout)
	}
}

func testSignal(t *testing.T, binary string, signal syscall.Signal) {
	if runtime.GOOS == "windows" {
		t.Skip("processes are sent no signals")
	}
	tenant := newBlocking(t)
	dir := t.TempDir()
	p := launch(t, binary, dir, serveArgs(tenant.url)...)
	found := p.await(t, p.stdout, readyLine)
	p.tenants = "http://" + found[1]
	answer := tenant.ask(p.running)
	if err := p.process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	p.await(t, p.stderr, `"msg":"stopping"`)
	close(tenant.release)
	if got := <-answer; got.text != "hello" || got.err != nil {
		t.Errorf("the request got %q, %v", got.text, got.err)
	}
	if status := p.wait(t); status != exitDone || strings.Count(p.stdout.String(), "\n") != 1 {
		t.Errorf("exit status %d:\n%s%s", status, p.stdout, p.stderr)
	}
	if lines := bytes.Count([]byte(p.stderr.String()), []byte(`"path":"/slow"`)); lines != 1 {
		t.Errorf("%d lines of the request:\n%s", lines, p.stderr)
	}
}
