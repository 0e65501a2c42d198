package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// setting returns what a unit says about a name.
func setting(t *testing.T, unit, name string) []string {
	t.Helper()
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, line := range regexp.MustCompile(`(?m)^`+name+`=(.*)$`).FindAllStringSubmatch(string(text), -1) {
		values = append(values, strings.Fields(line[1])...)
	}
	return values
}

// TestUnit_StartsAgainWhatTheWatchdogHasEnded is about systemd's restarts, which
// go by how a process has ended: SIGABRT is what a watchdog sends (WatchdogSignal)
// and what a panic comes to.
func TestUnit_StartsAgainWhatTheWatchdogHasEnded(t *testing.T) {
	const unit = "systemd/originwarden.service"
	if got := setting(t, unit, "Restart"); !slices.Equal(got, []string{"on-failure"}) {
		t.Fatalf("it restarts %q", got)
	}
	dir := t.TempDir()
	cmd := exec.Command(binary, "serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	cmd.Dir = dir // where a core would be
	cmd.Env = append(slices.Concat(os.Environ(), setting(t, unit, "Environment")), "ORIGINWARDEN_CONFIG=", "XDG_STATE_HOME="+dir)
	out, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if !eventually(t, func() bool {
		text, _ := os.ReadFile(out.Name())
		return strings.Contains(string(text), "originwarden ready")
	}) {
		t.Fatal("it is not ready")
	}
	cmd.Process.Signal(syscall.SIGABRT)
	cmd.Wait()
	ended := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ended.Signaled() || ended.Signal() != syscall.SIGABRT {
		t.Errorf("it ended with %v, and %q is not restarted", cmd.ProcessState, setting(t, unit, "RestartPreventExitStatus"))
	}
}
