package cli

import (
	"context"
	"fmt"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/server"
)

// tellOfConfiguration tells what keeps the configuration from starting here, and
// what it will warn of when it has started.
func (s *serveCommand) tellOfConfiguration(ctx context.Context) error {
	cfg, warnings, err := config.Check(s.file, s.flags...)
	for _, w := range warnings {
		fmt.Fprintf(s.env.Stderr, "originwarden: warning: %s\n", w)
	}
	if err == nil {
		err = checkStartList(cfg, s.origins)
	}
	if err != nil {
		return err
	}
	for _, w := range server.Warnings(ctx, cfg) {
		fmt.Fprintf(s.env.Stderr, "originwarden: warning: %s\n", w)
	}
	_, err = fmt.Fprintln(s.env.Stdout, "configuration is valid")
	return command.Failed(err)
}
