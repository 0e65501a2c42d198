package cli

import (
	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
)

// preferCommandError returns the error of flags that could not be parsed. If a group
// of commands does not have the named command, its flags are unknown only because
// of that.
func preferCommandError(cmd *cobra.Command, err error) error {
	if unknown := command.OnlyCommands(cmd, cmd.Flags().Args()); cmd.HasSubCommands() && unknown != nil {
		return unknown
	}
	return err
}

// rejectUnknownNames has the commands that cobra adds report an unknown name like
// the others.
func rejectUnknownNames(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.Args, cmd.RunE = command.OnlyCommands, command.ShowHelp
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				found, rest, _ := root.Find(args)
				return command.OnlyCommands(found, rest)
			}
		}
	}
}
