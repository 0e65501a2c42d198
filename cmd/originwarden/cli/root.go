package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/config"
)

// Environment is what a command has of the world around it.
type Environment struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	listen         listen
	program        string // how it was called
	terminal       bool   // whether standard error is one
	// signals subscribes to the signals to stop, until release is called.
	signals func() (signals <-chan os.Signal, release func())
	// hangups subscribes to the signal to read the configuration again; nil is
	// never.
	hangup func() (signals <-chan os.Signal, release func())
	// activated takes the sockets that the process was started with; nil is none.
	activated func() (map[string][]net.Listener, error)
}

// listen opens a listener, as net.Listen does.
type listen func(network, address string) (net.Listener, error)

func ThisProcess() Environment {
	return Environment{
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		getenv:   os.Getenv,
		listen:   net.Listen,
		program:  thisProgram(),
		terminal: isTerminal(os.Stderr),
		signals: func() (<-chan os.Signal, func()) {
			c := make(chan os.Signal, 2)
			signal.Notify(c, os.Interrupt, syscall.SIGTERM)
			return c, func() { signal.Stop(c) }
		},
		hangup: func() (<-chan os.Signal, func()) {
			c := make(chan os.Signal, 1)
			signal.Notify(c, syscall.SIGHUP)
			return c, func() { signal.Stop(c) }
		},
		activated: activated,
	}
}

// hangups is hangup, or nothing.
func (e Environment) hangups() (<-chan os.Signal, func()) {
	if e.hangup == nil {
		return nil, func() {}
	}
	return e.hangup()
}

// handedOver are the sockets that the process was started with.
func (e Environment) handedOver() (handedOver, error) {
	if e.activated == nil {
		return handedOver{}, nil
	}
	sockets, err := e.activated()
	h := handedOver{sockets: sockets}
	if err == nil {
		err = h.check()
	}
	return h, err
}

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // of the command line or the configuration
)

// failure is what went wrong while a command ran. Any other error of a command
// is about how it was called.
type failure struct{ error }

// failed marks err, if there is one, as a failure.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

// execute runs the command that args name and returns the exit status.
func Execute(env Environment, args ...string) int {
	root := newRoot(env)
	root.SetArgs(append([]string{}, args...)) // never nil, which stands for os.Args
	command, err := root.ExecuteC()
	switch {
	case err == nil:
		return exitDone
	case isA[failure](err):
		fmt.Fprintf(env.stderr, "originwarden: %v\n", err)
		return exitFailed
	case isA[config.Mistakes](err):
		fmt.Fprintln(env.stderr, err)
	default:
		fmt.Fprintf(env.stderr, "originwarden: %v\n%s --help tells how it is used\n", err, command.CommandPath())
	}
	return exitUsage
}

func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func newRoot(env Environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "originwarden",
		Short:         "A reverse proxy that lets only listed web origins talk to a tenant",
		Args:          onlyCommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:       thisBuild().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}")
	root.SetFlagErrorFunc(commandBeforeFlag)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.AddCommand(newServe(env), newDemo(env), newToken(env), newWebIntegrationCommand(env), newRefused(env), newReload(env),
		newExport(env), newImport(env), newWait(env), newResync(env), newHealth(), newVersion(env))
	nameUnknown(root)
	completeBelow(root)
	return root
}
