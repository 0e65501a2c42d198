package cli

import (
	"context"
	"fmt"

	"originwarden/cmd/originwarden/config"
)

// tellOfConfiguration tells what keeps the configuration from starting here, and
// what it will warn of when it has started.
func (s *serveCommand) tellOfConfiguration(ctx context.Context) error {
	cfg, warnings, err := config.Check(s.file, s.flags...)
	for _, w := range warnings {
		fmt.Fprintf(s.env.stderr, "originwarden: warning: %s\n", w)
	}
	if err == nil {
		err = checkStartList(cfg, s.origins)
	}
	if err != nil {
		return err
	}
	tellOfEveryHost(s.env.stderr, cfg)
	tellOfBounds(ctx, s.env.stderr, cfg)
	_, err = fmt.Fprintln(s.env.stdout, "configuration is valid")
	return failed(err)
}
