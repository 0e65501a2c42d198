package cli

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"syscall"
	"testing"
)

// The programs that read the log and the line of readiness may end before the gateway.
func TestServe_SurvivesReadersOfItsOutput(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("signals are not supported")
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], append(serveArgs(startServer(t, hello)), "--data", t.TempDir())...)
	cmd.Env = []string{envRunCommand + "=1"}
	cmd.Stdout, cmd.Stderr = write, write
	p := startProcess(t, cmd)
	write.Close()
	var found []string
	for lines := bufio.NewScanner(read); found == nil && lines.Scan(); {
		found = regexp.MustCompile(readyLine).FindStringSubmatch(lines.Text())
	}
	read.Close()
	if found == nil {
		t.Fatal("the gateway is not ready")
	}
	for range 3 { // each has a line in the log
		if _, text := send(t, "GET", "http://"+found[1], ""); text != "hello" {
			t.Errorf("got %q", text)
		}
	}
	p.process.Signal(syscall.SIGTERM)
	if status := p.wait(t); status != exitDone {
		t.Errorf("exit status %d", status)
	}
}
