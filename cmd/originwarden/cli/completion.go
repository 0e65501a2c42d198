package cli

import "github.com/spf13/cobra"

// setCompletions has shells complete the values of flags, and no files for the
// commands below cmd that read none.
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
		"path":       {"/name", "/validOrigins"},
	}
}
