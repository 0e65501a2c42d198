package main

import (
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"slices"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/config"
)

func newServe(env environment) *cobra.Command {
	var file string
	var check bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: "Run the gateway. Without a configuration file, --upstream is enough: one tenant,\n" +
			"called default, takes the names of this machine (localhost, 127.0.0.1), or every host\n" +
			"where --listen is not on loopback.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("config") {
				file = env.getenv("ORIGINWARDEN_CONFIG")
			}
			flags := overrides(cmd)
			if check {
				return checkConfiguration(cmd.Context(), env, file, flags...)
			}
			sockets, err := env.handedOver()
			if err != nil {
				return failed(err)
			}
			load := func() (*config.Config, error) { return config.Load(file, slices.Concat(flags, sockets.flags())...) }
			cfg, err := load()
			if err != nil {
				return err
			}
			return failed(serve(env, cfg, sockets, load))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&file, "config", "", "the configuration file (default: what ORIGINWARDEN_CONFIG names)")
	flags.BoolVar(&check, "check", false, "check the configuration and start nothing")
	flags.String("listen", "", "where tenants' traffic arrives, as host:port")
	flags.String("admin-listen", "", "where operators get /metrics, /healthz and /readyz, as host:port")
	flags.String("upstream", "", "where the only tenant is, as a URL")
	flags.String("store", "", "where lists are kept, as sqlite:FILE or etcd://HOST:PORT,HOST:PORT/PREFIX")
	flags.String("mode", "", "the only tenant's mode: enforce, headers or report")
	return cmd
}

// overrides are the flags of cmd that take the place of the file's values.
func overrides(cmd *cobra.Command) []config.Flag {
	var given []config.Flag
	for _, name := range []string{"listen", "admin-listen", "upstream", "store", "mode"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed {
			given = append(given, config.Flag{Name: name, Value: flag.Value.String()})
		}
	}
	return given
}

// serve runs the gateway of cfg until it is told to stop.
func serve(env environment, cfg *config.Config, sockets handedOver, load func() (*config.Config, error)) error {
	signals, release := env.signals()
	defer release()
	stop, now, end := endsBy(signals)
	defer end()
	log := newOutletLogger(cfg.Log, env.stderr)
	defer log.close()
	// net/http tells of some tenants' mistakes there.
	lines := linesOf(log, "net/http")
	stdlog.SetFlags(0)
	stdlog.SetOutput(lines.Writer())
	defer stdlog.SetOutput(env.stderr)
	// One that comes while it starts would end the process otherwise.
	hangups, release := env.hangups()
	defer release()
	s, err := open(stop, cfg, log)
	if err != nil {
		if stop.Err() != nil { // the start was called off
			return nil
		}
		return err
	}
	err = s.run(stop, now, around{
		listen: env.listen, sockets: sockets, hangups: hangups, load: load,
		ready: func(tenants, admin net.Addr) {
			fmt.Fprintf(env.stdout, "originwarden ready listen=%s admin=%s\n", tenants, admin)
		},
	})
	return errors.Join(err, s.close())
}
