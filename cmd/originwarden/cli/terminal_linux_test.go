package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal opens both ends of a pseudoterminal.
func openTerminal(t *testing.T) (screen, line *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { screen.Close() })
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		line, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { line.Close() })
	return screen, line
}

func TestIsTerminal_DetectsTerminal(t *testing.T) {
	_, line := openTerminal(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for rule, row := range map[string]struct {
		to   io.Writer
		want bool
	}{"terminal": {line, true}, "file": {file, false}, "/dev/null": {null, false}, "not a file": {newOutput(), false}} {
		if got := isTerminal(row.to); got != row.want {
			t.Errorf("%s: %v", rule, got)
		}
	}
}

func TestServe_WritesConsoleLogOnTerminal(t *testing.T) {
	screen, line := openTerminal(t)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], serveArgs("http://127.0.0.1:1")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), envRunCommand+"=1", "ORIGINWARDEN_CONFIG=", "XDG_STATE_HOME="+dir)
	cmd.Stderr = line
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line.Close()
	seen := newOutput()
	r := &runningCommand{stdout: seen, stderr: seen, exited: make(chan int, 1)}
	go func() {
		io.Copy(seen, screen)
		r.exited <- 0
	}()
	r.await(t, seen, `Ctrl-C stops`)
	r.await(t, seen, `\tinfo\tready\t{`)
	if text := seen.String(); !strings.Contains(text, "--token-file "+filepath.Join(dir, "originwarden", adminTokenName)) {
		t.Errorf("guide lacks the token file:\n%s", text)
	}
}
