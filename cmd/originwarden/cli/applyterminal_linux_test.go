package cli

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// In a terminal, apply asks before it deletes everything.
func TestApply_AsksInTerminal(t *testing.T) {
	for _, row := range []struct {
		rule, answer string
		status       int
		left         string
		stderr       string
	}{
		{"yes", "yes\n", exitDone, "", ""},
		{"no", "no\n", exitFailed, "a[]", "nothing is applied: --prune was not confirmed"},
		{"y is not enough", "y\n", exitFailed, "a[]", "nothing is applied: --prune was not confirmed"},
		{"the end of the input", "\x04", exitFailed, "a[]", "nothing is applied: --prune was not confirmed"},
		{"a signal", "", exitFailed, "a[]", "context canceled"},
	} {
		api := startAPI(t)
		api.create("a")
		screen, line := openTerminal(t)
		cmd := exec.Command(os.Args[0], "apply", "--file", writeLists(t, "web_integrations: {}"), "--prune")
		cmd.Env = append(os.Environ(), envRunCommand+"=1", "ORIGINWARDEN_SERVER="+api.url, "ORIGINWARDEN_TOKEN="+apiToken)
		cmd.Stdin, cmd.Stderr = line, line
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line.Close()
		seen := newOutput()
		r := &runningCommand{stdout: newOutput(), stderr: seen, exited: make(chan int, 1)}
		copied := make(chan struct{})
		go func() {
			io.Copy(seen, screen)
			close(copied)
		}()
		r.await(t, seen, `--prune would delete all 1 web integrations that http://\S+ has\. Type yes to continue: `)
		if row.answer == "" {
			cmd.Process.Signal(os.Interrupt)
		}
		if _, err := io.WriteString(screen, row.answer); err != nil {
			t.Error(err)
		}
		cmd.Wait()
		<-copied
		if got := strings.Join(api.describeIntegrations(), ""); cmd.ProcessState.ExitCode() != row.status || got != row.left || !strings.Contains(seen.String(), row.stderr) {
			t.Errorf("%s: exit status %d, server has %q\n%s", row.rule, cmd.ProcessState.ExitCode(), got, seen)
		}
	}
}
