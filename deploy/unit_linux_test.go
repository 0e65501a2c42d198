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

// unitSetting returns the values of a setting of a unit.
func unitSetting(t *testing.T, unit, name string) []string {
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

// TestUnit_RestartsAfterWatchdogTimeout checks that SIGABRT, which the watchdog sends
// (WatchdogSignal), ends the process with the environment of the unit. Without
// GOTRACEBACK=crash it would exit with status 2, after which there is no restart.
func TestUnit_RestartsAfterWatchdogTimeout(t *testing.T) {
	const unit = "systemd/originwarden.service"
	if got := unitSetting(t, unit, "Restart"); !slices.Equal(got, []string{"on-failure"}) {
		t.Fatalf("Restart is %q, want on-failure", got)
	}
	dir := t.TempDir()
	cmd := exec.Command(binary, "serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	cmd.Dir = dir // where a core dump would be
	cmd.Env = append(slices.Concat(os.Environ(), unitSetting(t, unit, "Environment")), "ORIGINWARDEN_CONFIG=", "XDG_STATE_HOME="+dir)
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
		t.Fatal("the gateway is not ready")
	}
	cmd.Process.Signal(syscall.SIGABRT)
	cmd.Wait()
	ended := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ended.Signaled() || ended.Signal() != syscall.SIGABRT {
		t.Errorf("the gateway ended with %v, want SIGABRT; statuses without a restart: %q", cmd.ProcessState, unitSetting(t, unit, "RestartPreventExitStatus"))
	}
}
