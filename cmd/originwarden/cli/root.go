package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/admin"
	"originwarden/cmd/originwarden/cli/apply"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/importexport"
	"originwarden/cmd/originwarden/cli/webintegration"
	"originwarden/cmd/originwarden/config"
)

// Environment is what a command knows of its process.
type Environment = command.Environment

// ThisProcess returns the environment of the process that calls it.
func ThisProcess() Environment {
	return Environment{
		Stdout:           os.Stdout,
		Stderr:           os.Stderr,
		Getenv:           os.Getenv,
		Listen:           net.Listen,
		Program:          programName(),
		StderrIsTerminal: isTerminal(os.Stderr),
		StdinIsTerminal:  isTerminal(os.Stdin),
		Signals: func() (<-chan os.Signal, func()) {
			c := make(chan os.Signal, 2)
			signal.Notify(c, os.Interrupt, syscall.SIGTERM)
			return c, func() { signal.Stop(c) }
		},
		Hangup: func() (<-chan os.Signal, func()) {
			c := make(chan os.Signal, 1)
			signal.Notify(c, syscall.SIGHUP)
			return c, func() { signal.Stop(c) }
		},
		IgnoreBrokenPipes: func() { signal.Ignore(syscall.SIGPIPE) },
		PassedSockets:     takePassedSockets,
	}
}

// checkedSockets returns the sockets that systemd passed, or an error if their
// names are wrong.
func checkedSockets(env Environment) (passedSockets, error) {
	if env.PassedSockets == nil {
		return nil, nil
	}
	passed, err := env.PassedSockets()
	if err != nil {
		return nil, err
	}
	return passed, passedSockets(passed).check()
}

// Exit statuses of Execute.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // a mistake in the command line or the configuration
	exitDiffers = 3 // a dry run found differences
)

// Execute runs the command that args name and returns the exit status.
func Execute(env Environment, args ...string) int {
	root := NewRoot(env)
	root.SetArgs(append([]string{}, args...)) // nil would mean os.Args
	called, err := root.ExecuteC()
	_, mistakes := errors.AsType[config.Mistakes](err)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, command.ErrDiffers):
		return exitDiffers
	case command.IsFailure(err):
		fmt.Fprintf(env.Stderr, "originwarden: %v\n", err)
		return exitFailed
	case mistakes:
		fmt.Fprintln(env.Stderr, err)
	default:
		fmt.Fprintf(env.Stderr, "originwarden: %v\nrun %s --help for usage\n", err, called.CommandPath())
	}
	return exitUsage
}

// NewRoot returns the command with all its subcommands, for Execute and for the manual.
func NewRoot(env Environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "originwarden",
		Short:         "A reverse proxy that lets only listed web origins talk to a tenant",
		Args:          command.OnlyCommands,
		RunE:          command.ShowHelp,
		Version:       thisBuild().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}")
	root.SetFlagErrorFunc(preferCommandError)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.AddCommand(newServe(env), newDemo(env), newToken(env), webintegration.New(env), webintegration.NewRefused(env), admin.NewReload(env),
		apply.New(env), importexport.NewExport(env), importexport.NewImport(env), admin.NewWait(env), admin.NewResync(env), admin.NewFleet(env), admin.NewHealth(), newVersion(env))
	rejectUnknownNames(root)
	setCompletions(root)
	return root
}

// preferCommandError returns err, the error of a flag, unless cmd is a group that
// does not have the named command: then the flag is unknown only because the
// command is.
func preferCommandError(cmd *cobra.Command, err error) error {
	if unknown := command.OnlyCommands(cmd, cmd.Flags().Args()); cmd.HasSubCommands() && unknown != nil {
		return unknown
	}
	return err
}

// rejectUnknownNames makes the commands that cobra adds report an unknown name as
// the others do.
func rejectUnknownNames(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.Args, cmd.RunE = command.OnlyCommands, command.ShowHelp
			failAlone(cmd.Commands())
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				found, rest, _ := root.Find(args)
				return command.OnlyCommands(found, rest)
			}
		}
	}
}

// failAlone makes errors of the commands failures: they are called correctly, and
// cannot write.
func failAlone(commands []*cobra.Command) {
	for _, cmd := range commands {
		run := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return command.Failed(run(cmd, args)) }
	}
}

// setCompletions makes shells complete the values of flags. For commands that read
// no files, it turns the completion of file names off.
func setCompletions(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		setCompletions(below)
	}
	for flag, values := range flagValues() {
		if cmd.LocalFlags().Lookup(flag) != nil {
			cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	if cmd.LocalFlags().Lookup("data") != nil {
		cmd.MarkFlagDirname("data")
	}
	if !cmd.HasSubCommands() && cmd.ValidArgsFunction == nil && cmd.Name() != "import" {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}

// flagValues returns the values of the flags that accept no others.
func flagValues() map[string][]string {
	return map[string][]string{
		"mode":       {"enforce", "headers", "report"},
		"log-format": {"auto", "json", "console"},
		"role":       {"admin", "reader"},
		"sort":       {"name", "+name", "-name"},
		"op":         {"replace"},
		"format":     {"jsonl", "yaml"},
		"path":       {"/name", "/validOrigins"},
	}
}
