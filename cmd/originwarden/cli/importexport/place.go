// Package importexport has the commands that move web integrations between
// stores, servers of the API, and files.
package importexport

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/stores"
	"originwarden/store"
	"originwarden/store/transfer"
)

// place is where export reads and import writes: a store, or a server of the
// API.
type place struct {
	env           command.Environment
	server        connection.Flags
	store, config string
}

const placeHelp = "The place is the store of --store, the store of the file of --config, or with --server a server\n" +
	"of the API. Without these flags it is that of ORIGINWARDEN_CONFIG or ORIGINWARDEN_SERVER. The\n" +
	"section store of the configuration says how to log in to etcd; ORIGINWARDEN_TOKEN is the token\n" +
	"for a server."

func (p *place) defineFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.store, "store", "", "the store, as sqlite:FILE or etcd://HOST:PORT,HOST:PORT/PREFIX (default: that of the configuration)")
	flags.StringVar(&p.config, "config", "", "the configuration file (default: what ORIGINWARDEN_CONFIG names)")
	p.server.Define(cmd)
	cmd.MarkFlagsMutuallyExclusive("server", "store")
	cmd.MarkFlagsMutuallyExclusive("server", "config")
}

// isServer reports whether the place is a server, once it is resolved.
func (p *place) isServer() bool { return p.server.Server != "" }

// resolve completes the place from the environment.
func (p *place) resolve() error {
	if p.isServer() || p.config != "" {
		return nil
	}
	config, server := p.env.Getenv("ORIGINWARDEN_CONFIG"), p.env.Getenv("ORIGINWARDEN_SERVER")
	switch {
	case p.store != "":
		server = ""
	case config != "" && server != "":
		return errors.New("both ORIGINWARDEN_CONFIG and ORIGINWARDEN_SERVER are set: give --config, --store or --server")
	case config == "" && server == "":
		return errors.New("there is no place: give --store, --config or --server")
	}
	p.config, p.server.Server = config, server
	return nil
}

// loadConfig returns the configuration of the store.
func (p *place) loadConfig() (*config.Config, error) {
	var flags []config.Flag
	if p.store != "" {
		flags = append(flags, config.Flag{Name: "store", Value: p.store})
	}
	return config.LoadStore(p.config, flags...)
}

// openServer returns the server of the place.
func (p *place) openServer() (*server, error) {
	c, err := p.server.Client(p.env)
	return &server{client: c}, err
}

func closeNothing() error { return nil }

// storeTimeout is for one call of a store. No request waits for it.
const storeTimeout = 30 * time.Second

// openStore opens the store of a configuration.
func openStore(ctx context.Context, cfg *config.Config) (*transfer.StoreTarget, error) {
	opened, err := stores.Open(ctx, cfg, store.Position{}, nil)
	if err != nil {
		return nil, command.Failed(err)
	}
	return &transfer.StoreTarget{Store: opened, Timeout: max(storeTimeout, time.Duration(cfg.Store.Timeout)), Origins: cfg.API.Limits.Origins}, nil
}
