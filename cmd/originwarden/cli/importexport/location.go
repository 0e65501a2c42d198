// Package importexport has the commands that move web integrations between
// stores, servers of the API, and files.
package importexport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/stores"
	"originwarden/store"
	"originwarden/store/sqlite"
	"originwarden/store/transfer"
)

// location is where export reads and import writes: a store, or a server of the
// API.
type location struct {
	env           command.Environment
	server        connection.Flags
	store, config string
}

const locationHelp = "The web integrations are in the store that --store or the file of --config names, or, with\n" +
	"--server, at a server of the API. Without these flags, ORIGINWARDEN_CONFIG names the file, or\n" +
	"ORIGINWARDEN_SERVER the server. The section store of the configuration says how to log in to\n" +
	"etcd; ORIGINWARDEN_TOKEN is the token for a server."

func (l *location) defineFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&l.store, "store", "", "the store, as sqlite:FILE or etcd://HOST:PORT,HOST:PORT/PREFIX (default: that of the configuration)")
	flags.StringVar(&l.config, "config", "", "the configuration file (default: what ORIGINWARDEN_CONFIG names)")
	l.server.Define(cmd)
	cmd.MarkFlagsMutuallyExclusive("server", "store")
	cmd.MarkFlagsMutuallyExclusive("server", "config")
}

// isServer reports whether the location is a server, once it is resolved.
func (l *location) isServer() bool { return l.server.Server != "" }

// resolve completes the location from the environment.
func (l *location) resolve() error {
	if l.isServer() || l.config != "" {
		return nil
	}
	config, server := l.env.Getenv("ORIGINWARDEN_CONFIG"), l.env.Getenv("ORIGINWARDEN_SERVER")
	switch {
	case l.store != "":
		server = ""
	case config != "" && server != "":
		return errors.New("both ORIGINWARDEN_CONFIG and ORIGINWARDEN_SERVER are set: give --config, --store or --server")
	case config == "" && server == "":
		return errors.New("there is no store and no server: give --store, --config or --server")
	}
	l.config, l.server.Server = config, server
	return nil
}

// loadConfig returns the configuration of the store.
func (l *location) loadConfig() (*config.Config, error) {
	var flags []config.Flag
	if l.store != "" {
		flags = append(flags, config.Flag{Name: "store", Value: l.store})
	}
	return config.LoadStore(l.config, flags...)
}

// openServer returns the server of the location.
func (l *location) openServer() (*server, error) {
	c, err := l.server.Client(l.env)
	return &server{client: c}, err
}

func closeNothing() error { return nil }

// storeTimeout limits one call of a store. It is long, because no request waits
// for the call.
const storeTimeout = 30 * time.Second

// waitForFile reports that another process, which may be stopping, uses the store's file.
func (l *location) waitForFile() bool {
	fmt.Fprintln(l.env.Stderr, "originwarden: the database is in use by another process: waiting for it to end")
	return true
}

// openStore opens the store of a configuration. inUse is that of sqlite.Options.
func openStore(ctx context.Context, cfg *config.Config, inUse func() bool) (*transfer.Store, error) {
	opened, err := stores.Open(ctx, cfg, store.Position{}, inUse)
	if errors.Is(err, sqlite.ErrInUse) {
		err = fmt.Errorf("%w, perhaps a gateway: stop that one, or import into it with --server", err)
	}
	if err != nil {
		return nil, command.Failed(err)
	}
	return &transfer.Store{Store: opened, Timeout: max(storeTimeout, time.Duration(cfg.Store.Timeout)), Origins: cfg.API.Limits.Origins}, nil
}
