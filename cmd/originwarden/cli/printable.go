package cli

import "originwarden/cmd/originwarden/cli/command"

func printable(s string) string { return command.Printable(s) }
