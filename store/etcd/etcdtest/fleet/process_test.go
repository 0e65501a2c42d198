//go:build linux

package fleet_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const startTimeout = 60 * time.Second

// process is a program that can be killed, paused and restarted.
type process struct {
	starter starter
	path    string
	args    []string
	ready   string // prefix of the line that it prints when it is ready
	log     string // file for its stderr

	command *exec.Cmd
	ended   chan struct{}
}

// start starts the process and waits until it is ready.
func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	out := &firstLine{prefix: p.ready, seen: make(chan struct{})}
	p.command = exec.Command(p.path, p.args...)
	p.command.Stdout, p.command.Stderr = out, log
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.starter.do(p.command.Start); err != nil {
		return err
	}
	ended, command := make(chan struct{}), p.command
	go func() {
		_ = command.Wait() // fails if it was killed
		close(ended)
	}()
	p.ended = ended
	select {
	case <-out.seen:
		return nil
	case <-ended:
		return fmt.Errorf("%s ended before it was ready, see %s", p.path, p.log)
	case <-time.After(startTimeout):
		p.kill()
		return fmt.Errorf("%s was not ready within %v, see %s", p.path, startTimeout, p.log)
	}
}

// kill kills the process, also a paused one, and waits for its end.
func (p *process) kill() {
	if p.ended != nil {
		p.signal(syscall.SIGKILL)
		<-p.ended
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.command.Process.Signal(s) }

// starter starts processes on one thread. The kernel kills them when that thread ends,
// so they end with the test even if it is killed.
type starter chan func()

func newStarter(t testing.TB) starter {
	s := make(starter)
	go func() {
		runtime.LockOSThread()
		for start := range s {
			start()
		}
	}()
	t.Cleanup(func() { close(s) })
	return s
}

func (s starter) do(start func() error) error {
	done := make(chan error)
	s <- func() { done <- start() }
	return <-done
}

// firstLine is a writer that waits for a line with a prefix.
type firstLine struct {
	prefix string
	text   bytes.Buffer
	found  bool
	seen   chan struct{} // closed when the line was written
}

func (l *firstLine) Write(p []byte) (int, error) {
	if l.found {
		return len(p), nil
	}
	l.text.Write(p)
	for line := range bytes.Lines(l.text.Bytes()) {
		if bytes.HasPrefix(line, []byte(l.prefix)) && bytes.HasSuffix(line, []byte("\n")) {
			l.found = true
			close(l.seen)
			break
		}
	}
	return len(p), nil
}
