package main

import (
	"context"
	"fmt"

	"originwarden/cmd/originwarden/config"
)

// checkConfiguration tells what keeps a configuration from starting here, and
// what it will warn of when it has started.
func checkConfiguration(ctx context.Context, env environment, file string, flags ...config.Flag) error {
	cfg, warnings, err := config.Check(file, flags...)
	for _, w := range warnings {
		fmt.Fprintf(env.stderr, "originwarden: warning: %s\n", w)
	}
	if err != nil {
		return err
	}
	tellOfEveryHost(env.stderr, cfg)
	tellOfBounds(ctx, env.stderr, cfg)
	_, err = fmt.Fprintln(env.stdout, "configuration is valid")
	return failed(err)
}
