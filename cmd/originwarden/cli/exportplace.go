package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/stores"
	"originwarden/store"
	"originwarden/store/sqlite"
	"originwarden/store/transfer"
)

// place is where export reads and import writes: a store, or a server of the
// API.
type place struct {
	webIntegrations // of a server
	store, config   string
}

const placeHelp = "The place is the store that --store or the file of --config names, or with --server a server\n" +
	"of the API. If no flag says which, ORIGINWARDEN_CONFIG or ORIGINWARDEN_SERVER does. A store of\n" +
	"etcd is entered as the store section of the configuration says; ORIGINWARDEN_TOKEN is the\n" +
	"token for a server."

func (p *place) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.store, "store", "", "the store, as sqlite:FILE or etcd://HOST:PORT,HOST:PORT/PREFIX (default: that of the configuration)")
	flags.StringVar(&p.config, "config", "", "the configuration file (default: what ORIGINWARDEN_CONFIG names)")
	flags.StringVarP(&p.server, "server", "s", "", "the URL of a tenant's host, instead of a store")
	flags.StringVar(&p.tokenFile, "token-file", "", "a file that holds the token for --server (default: ORIGINWARDEN_TOKEN is the token)")
	p.connection.flags(flags)
	p.connection.exclude(cmd)
	cmd.MarkFlagsMutuallyExclusive("server", "store")
	cmd.MarkFlagsMutuallyExclusive("server", "config")
}

// settle finds out which place is meant: a server, if p.server is not empty
// then, or else a store.
func (p *place) settle() error {
	configured, served := p.env.Getenv("ORIGINWARDEN_CONFIG"), p.env.Getenv("ORIGINWARDEN_SERVER")
	switch {
	case p.server != "":
		return nil
	case p.config == "" && p.store == "" && configured != "" && served != "":
		return errors.New("both ORIGINWARDEN_CONFIG and ORIGINWARDEN_SERVER are set: give --config, --store or --server")
	case p.config == "" && p.store == "" && served != "":
		p.server = served
		return nil
	}
	if p.config == "" {
		p.config = configured
	}
	if p.config == "" && p.store == "" {
		return errors.New("there is no place: give --store, --config or --server")
	}
	return nil
}

// configuration is that of the store.
func (p *place) configuration() (*config.Config, error) {
	var flags []config.Flag
	if p.store != "" {
		flags = append(flags, config.Flag{Name: "store", Value: p.store})
	}
	return config.LoadStore(p.config, flags...)
}

// source is what can be read of a place.
type source struct {
	transfer.Source
	close func() error
}

func nothing() error { return nil }

// source opens the place for reading. A SQLite file is read as it is now, also
// while a gateway uses it.
func (p *place) source(ctx context.Context) (source, error) {
	if p.server != "" {
		c, err := p.client()
		return source{&exported{served: &served{c}}, nothing}, err
	}
	cfg, err := p.configuration()
	if err != nil {
		return source{}, err
	}
	if !cfg.Store.URL.Remote() {
		r, err := sqlite.OpenReader(ctx, cfg.Store.URL.Path)
		if err != nil {
			return source{}, command.Failed(err)
		}
		return source{r, r.Close}, nil
	}
	s, err := openToRead(ctx, cfg)
	if err != nil {
		return source{}, command.Failed(err)
	}
	return source{s, s.Store.Close}, nil
}

// openToRead opens a store on other machines, and makes none that is missing:
// calls fail with store.ErrMissing then.
func openToRead(ctx context.Context, cfg *config.Config) (*transfer.StoreTarget, error) {
	reading := *cfg
	reading.Store.Create = config.CreateNever
	return openStored(ctx, &reading)
}

// openStored opens the store of a configuration for what is not known of it
// yet.
func openStored(ctx context.Context, cfg *config.Config) (*transfer.StoreTarget, error) {
	opened, err := stores.Open(ctx, cfg, store.Position{}, nil)
	if err != nil {
		return nil, err
	}
	return stored(opened, cfg), nil
}
