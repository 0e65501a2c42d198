package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/demo"
)

func newDemo(env Environment) *cobra.Command {
	e := &demo.Example{Listen: openListenerFunc(env.Listen, nil), Stdout: env.Stdout, Stderr: env.Stderr, Program: env.Program}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole example on this machine",
		Long: "Run a whole example on this machine: a small tenant, the gateway in front of it, and\n" +
			"two web pages of which one is listed. It prints what to open and what to curl, and\n" +
			"leaves nothing behind.",
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			stop, stopNow, release := env.StopContexts()
			defer release()
			err := e.Run(stop, stopNow)
			if _, ok := errors.AsType[config.Mistakes](err); ok {
				return err
			}
			return command.Failed(err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&e.Tenants, "listen", "127.0.0.1:8080", "where the gateway listens")
	flags.StringVar(&e.Admin, "admin-listen", "127.0.0.1:9090", "where administrators get the console, and operators /metrics, /healthz and /readyz")
	flags.StringVar(&e.ListedPage, "listed-page", "127.0.0.1:8081", "the address of the page whose origin is listed")
	flags.StringVar(&e.OtherPage, "other-page", "127.0.0.1:8082", "the address of the page whose origin is not listed")
	return cmd
}
