// Package process starts the programs of a measurement, each on the core that it is told,
// and reads the processor time and memory that they use. It needs Linux and taskset.
// Programs that it starts end when the thread that started them ends.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a program that was started. Its output is in files.
type Process struct {
	command *exec.Cmd
	output  string
	log     *os.File // standard error
	ended   chan struct{}
}

// Start starts a program on a core, with one thread that runs Go code if it is written in
// Go. dir is for its output, its home folder, and where it runs.
func Start(core, dir string, args ...string) (*Process, error) {
	output, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		return nil, err
	}
	defer output.Close()
	logged, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	// It is the program itself that has the id of the process, because taskset replaces
	// itself.
	command := exec.Command("taskset", append([]string{"-c", core}, args...)...)
	command.Dir, command.Stdout, command.Stderr = dir, output, logged
	command.Env = append(os.Environ(), "GOMAXPROCS=1", "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	endWithParent(command)
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, logged.Close())
	}
	p := &Process{command: command, output: output.Name(), log: logged, ended: make(chan struct{})}
	go func() {
		command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Run runs a program on a core until its end, and returns its output.
func Run(ctx context.Context, core string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "taskset", append([]string{"-c", core}, args...)...)
	command.WaitDelay = time.Second
	endWithParent(command)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("running %s: %w: %s", args[0], err, output)
	}
	return string(output), nil
}

// IsInstalled reports whether a program can be started by its name.
func IsInstalled(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

const startTimeout = 2 * time.Minute // includes loading long lists

// await waits until condition holds, and fails if the process ends first.
func (p *Process) await(ctx context.Context, condition func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("starting %s: %w", p.command.Args[3], ctx.Err())
		case <-p.ended:
			return fmt.Errorf("%s ended: %s", p.command.Args[3], p.lastLines())
		case <-tick.C:
		}
	}
	return nil
}

// AwaitPort waits until the process accepts connections.
func (p *Process) AwaitPort(ctx context.Context, address string) error {
	return p.await(ctx, func() bool {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return connection.Close() == nil
	})
}

// AwaitOutput waits for a line of the standard output that begins with prefix.
func (p *Process) AwaitOutput(ctx context.Context, prefix string) (line string, err error) {
	err = p.await(ctx, func() bool {
		output, _ := os.ReadFile(p.output)
		for l := range strings.Lines(string(output)) {
			if strings.HasPrefix(l, prefix) && strings.HasSuffix(l, "\n") {
				line = strings.TrimSpace(l)
				return true
			}
		}
		return false
	})
	return line, err
}

// Stop ends the process, and waits for its end.
func (p *Process) Stop() {
	p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(2 * time.Second):
		p.command.Process.Kill()
		<-p.ended
	}
	p.log.Close()
}

func (p *Process) lastLines() []byte {
	logged, _ := os.ReadFile(p.log.Name())
	return bytes.TrimSpace(logged[max(0, len(logged)-1000):])
}

// EmptyLog discards what the process has written to standard error, so that the disk does
// not become full.
func (p *Process) EmptyLog() { p.log.Truncate(0) }

// FreeAddress returns an address on loopback that nothing listens on.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// Version returns the first line that a command prints.
func Version(ctx context.Context, command ...string) string {
	output, _ := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	return line
}
