package main

import (
	"context"
	"fmt"

	"originwarden/cmd/originwarden/config"
)

// tellOfConfiguration tells what keeps the configuration from starting here, and
// what it will warn of when it has started.
func (s *serveCommand) tellOfConfiguration(ctx context.Context) error {
	check := config.Check
	if s.place.dir != "" {
		check = checkElsewhere // a directory that a start makes
	}
	cfg, warnings, err := check(s.file, s.flags...)
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

// checkElsewhere is config.Check without the places on this machine.
func checkElsewhere(file string, flags ...config.Flag) (*config.Config, config.Mistakes, error) {
	cfg, err := config.Load(file, flags...)
	return cfg, nil, err
}
