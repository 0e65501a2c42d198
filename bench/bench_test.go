package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// buildBench builds the command, and skips the test on a machine where it cannot run.
func buildBench(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("taskset"); err != nil || runtime.GOOS != "linux" {
		t.Skip("needs Linux and taskset")
	}
	program := filepath.Join(t.TempDir(), "bench")
	if output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return program
}

// newCommand returns the command, which has a temporary folder of its own.
func newCommand(t *testing.T, program string, args ...string) (command *exec.Cmd, temporary string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	temporary = t.TempDir()
	command = exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), "TMPDIR="+temporary)
	return command, temporary
}

func TestBench_MeasuresEachProxyOnTheMachine(t *testing.T) {
	program := buildBench(t)
	out := filepath.Join(t.TempDir(), "results", "result.json")
	command, temporary := newCommand(t, program, "-rounds", "1", "-seconds", "0.2", "-only", "preflight", "-out", out)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	var report struct {
		Results []struct {
			Proxy  string
			Median map[string]float64
		}
	}
	text, err := os.ReadFile(out)
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	measured := map[string]bool{}
	for _, r := range report.Results {
		measured[r.Proxy] = true
		for _, name := range []string{"rate", "p50", "p99", "rss"} {
			if r.Median[name] <= 0 {
				t.Errorf("%s: %s is %v", r.Proxy, name, r.Median[name])
			}
		}
	}
	for _, proxy := range []string{"nginx", "haproxy", "caddy", "originwarden", "reference-lane"} {
		if skipped := strings.Contains(string(output), "skipping "+proxy+": apt-get install"); skipped == measured[proxy] {
			t.Errorf("%s: measured %v, reported as skipped %v", proxy, measured[proxy], skipped)
		}
	}
	table, err := os.ReadFile(strings.TrimSuffix(out, ".json") + ".md")
	if err != nil || !bytes.Contains(table, []byte("| originwarden ")) {
		t.Errorf("table %s, error %v", table, err)
	}
	checkNothingLeft(t, temporary)
}

func TestBench_EndsItsProcessesOnInterrupt(t *testing.T) {
	program := buildBench(t)
	out := filepath.Join(t.TempDir(), "result.json")
	command, temporary := newCommand(t, program, "-rounds", "1000", "-seconds", "0.1", "-only", "preflight", "-peers", "originwarden", "-out", out)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	for buffer := make([]byte, 1024); !strings.Contains(printed.String(), "round 1,"); {
		n, err := output.Read(buffer)
		printed.Write(buffer[:n])
		if err != nil {
			t.Fatalf("%v after %s", err, printed.String())
		}
	}
	if len(processesOf(t, temporary)) == 0 {
		t.Error("no process has the temporary folder in its arguments")
	}
	command.Process.Signal(syscall.SIGINT)
	if err := command.Wait(); err == nil {
		t.Error("an interrupted run succeeded")
	}
	checkNothingLeft(t, temporary)
}

// checkNothingLeft checks that no process and no file is left.
func checkNothingLeft(t *testing.T, temporary string) {
	t.Helper()
	if left := processesOf(t, temporary); len(left) > 0 {
		t.Errorf("processes are left: %q", left)
	}
	if files, err := os.ReadDir(temporary); err != nil || len(files) > 0 {
		t.Errorf("files are left: %v, error %v", files, err)
	}
}

// processesOf returns the command lines that name the folder.
func processesOf(t *testing.T, folder string) (found []string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		// A process may end meanwhile.
		if line, err := os.ReadFile(name); err == nil && bytes.Contains(line, []byte(folder)) {
			found = append(found, string(line))
		}
	}
	return found
}

func TestBench_RefusesInvalidFlags(t *testing.T) {
	program := buildBench(t)
	tests := []struct {
		flags []string
		want  string
	}{
		{[]string{"-only", "get,nothing"}, `"nothing" is none of them`},
		{[]string{"-only", "["}, `"[" is none of them`},
		{[]string{"-peers", "nginx,squid"}, `"squid" is none of them`},
		{[]string{"-rounds", "0"}, "must be positive"},
		{[]string{"-out", "result.txt"}, "must end with .json"},
	}
	for _, test := range tests {
		command, _ := newCommand(t, program, test.flags...)
		output, err := command.CombinedOutput()
		if err == nil || !strings.Contains(string(output), test.want) {
			t.Errorf("%q: error %v, output %s, want %q", test.flags, err, output, test.want)
		}
	}
}
