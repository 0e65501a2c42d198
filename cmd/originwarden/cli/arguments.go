package cli

import (
	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
)

// commandBeforeFlag is the error of flags that could not be parsed. A group of
// commands does not know the flags of one that it does not have: that is what is
// told then.
func commandBeforeFlag(cmd *cobra.Command, err error) error {
	if unknown := command.OnlyCommands(cmd, cmd.Flags().Args()); cmd.HasSubCommands() && unknown != nil {
		return unknown
	}
	return err
}

// nameUnknown has the commands that cobra adds by itself tell of an unknown name
// as the others do.
func nameUnknown(root *cobra.Command) {
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
