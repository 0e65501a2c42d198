// Package command has what the commands of the command line share: the
// environment that they run in, how they fail, and how they print what others
// sent.
package command

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
)

// Environment is what a command knows of its process. Nothing else in a command takes
// signals. Nothing else reads variables, except NOTIFY_SOCKET, WATCHDOG_USEC and what
// libraries read: OTEL_*, HTTP_PROXY and the like.
type Environment struct {
	Stdout, Stderr   io.Writer
	Getenv           func(string) string
	Listen           ListenFunc
	Program          string // the command that runs this program, quoted for a shell
	StderrIsTerminal bool
	StdinIsTerminal  bool
	// Signals subscribes to the signals to stop, until release is called.
	Signals func() (signals <-chan os.Signal, release func())
	// Hangup subscribes to the signal to reload. If it is nil, there is no such
	// signal.
	Hangup func() (signals <-chan os.Signal, release func())
	// IgnoreBrokenPipes makes a write to standard output or standard error fail when
	// nobody reads it any more. Otherwise that ends the process. It may be nil.
	IgnoreBrokenPipes func()
	// PassedSockets takes the sockets that systemd passed to the process. It may be
	// nil.
	PassedSockets func() (map[string][]net.Listener, error)
}

// ListenFunc opens a listener, as net.Listen does.
type ListenFunc func(network, address string) (net.Listener, error)

// Print writes text to standard output.
func (e Environment) Print(text []byte) error {
	_, err := e.Stdout.Write(text)
	return Failed(err)
}

// Hangups returns the signals of Hangup, or nil if there are none.
func (e Environment) Hangups() (signals <-chan os.Signal, release func()) {
	if e.Hangup == nil {
		return nil, func() {}
	}
	return e.Hangup()
}

// UntilStopped calls run with a context that the first signal to stop ends.
func (e Environment) UntilStopped(run func(context.Context) error) error {
	stop, _, release := e.StopContexts()
	defer release()
	return run(stop)
}

// StopContexts turns the signals to stop into contexts: the first signal ends stop,
// and the second ends stopNow. release ends both.
func (e Environment) StopContexts() (stop, stopNow context.Context, release func()) {
	signals, unsubscribe := e.Signals()
	stop, endStop := context.WithCancel(context.Background())
	stopNow, endNow := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for _, end := range []context.CancelFunc{endStop, endNow} {
			select {
			case <-signals:
				end()
			case <-stopNow.Done():
				return
			}
		}
	})
	return stop, stopNow, func() {
		endStop()
		endNow()
		waiting.Wait()
		unsubscribe()
	}
}
