package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// onlyCommands is the Args of a command that is a group of others.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(like, " or "))
	}
	return err
}

// noArguments is the Args of a command that takes flags alone.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no arguments, and %q is one", cmd.Name(), args[0])
}

// commandBeforeFlag is the error of flags that could not be parsed. A group of
// commands does not know the flags of one that it does not have: that is what is
// told then.
func commandBeforeFlag(cmd *cobra.Command, err error) error {
	if unknown := onlyCommands(cmd, cmd.Flags().Args()); cmd.HasSubCommands() && unknown != nil {
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
			cmd.Args, cmd.RunE = onlyCommands, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				found, rest, _ := root.Find(args)
				return onlyCommands(found, rest)
			}
		}
	}
}
