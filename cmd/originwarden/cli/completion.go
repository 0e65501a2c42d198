package cli

import "github.com/spf13/cobra"

// completeBelow tells the completion of shells what cobra cannot know: the values
// of flags, and that most commands take no files.
func completeBelow(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		completeBelow(below)
	}
	for flag, values := range flagValues() {
		if cmd.LocalFlags().Lookup(flag) != nil {
			panicOn(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
		}
	}
	if cmd.LocalFlags().Lookup("data") != nil {
		panicOn(cmd.MarkFlagDirname("data"))
	}
	if !cmd.HasSubCommands() && cmd.ValidArgsFunction == nil && cmd.Name() != "import" {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}

// flagValues are those of the flags that take no others.
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

// panicOn panics upon the mistakes of this program.
func panicOn(err error) {
	if err != nil {
		panic(err)
	}
}
