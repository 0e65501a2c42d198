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

const startPatience = 60 * time.Second

// process is a program that can be killed, stopped, and restarted.
type process struct {
	starts starter
	path   string
	args   []string
	ready  string // what the line begins with that it prints when it is ready
	log    string // the file that gets what else it prints

	command *exec.Cmd
	ended   chan struct{}
}

// start returns when the process is ready.
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
	if err := p.starts.do(p.command.Start); err != nil {
		return err
	}
	ended, command := make(chan struct{}), p.command
	go func() {
		_ = command.Wait() // that it was killed
		close(ended)
	}()
	p.ended = ended
	select {
	case <-out.seen:
		return nil
	case <-ended:
		return fmt.Errorf("%s ended before it was ready, see %s", p.path, p.log)
	case <-time.After(startPatience):
		p.kill()
		return fmt.Errorf("%s was not ready within %v, see %s", p.path, startPatience, p.log)
	}
}

// kill ends the process at once, also one that is stopped.
func (p *process) kill() {
	if p.ended != nil {
		p.signal(syscall.SIGKILL)
		<-p.ended
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.command.Process.Signal(s) }

// starter starts processes that end with the test, also when it is cut short:
// the kernel kills them when the thread ends that started them.
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

// firstLine takes what a process prints and waits for a line.
type firstLine struct {
	prefix string
	text   bytes.Buffer
	found  bool
	seen   chan struct{} // closed when the line has come
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
