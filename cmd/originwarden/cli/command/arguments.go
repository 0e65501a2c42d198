package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// OnlyCommands is the Args of a command that is a group of others.
func OnlyCommands(cmd *cobra.Command, args []string) error {
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

// NoArguments is the Args of a command that takes flags alone.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no arguments, and %q is one", cmd.Name(), args[0])
}

// ShowHelp is the RunE of a command that is a group of others.
func ShowHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }
