package importexport

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/atomicfile"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/cmd/originwarden/config"
	"originwarden/envelope/escape"
	"originwarden/store/sqlite"
	"originwarden/store/transfer"
)

// export holds the flags of the command export.
type export struct {
	from    location
	tenants []string
	output  string
	format  string
}

// The values of --format.
const (
	formatLines = "jsonl"
	formatYAML  = "yaml"
)

// NewExport returns the command export.
func NewExport(env command.Environment) *cobra.Command {
	e := &export{from: location{env: env}}
	cmd := &cobra.Command{
		Use:   "export [--store URL | --config FILE | --server URL] [--tenant ID]... [--format yaml] [--output FILE]",
		Short: "Write all web integrations to a file that import or apply reads",
		Long: "Write all web integrations as lines of JSON, to standard output or to a file.\n\n" + locationHelp + "\n\n" +
			"A SQLite file is read as it is at one moment, also while a gateway uses it. In etcd each tenant\n" +
			"is read at one revision, which its line has. A server has the web integrations of one tenant;\n" +
			"they are read until two readings in a row are equal. The last line has their number, and import\n" +
			"rejects a file without it.\n\n" +
			"--format yaml writes what apply reads: the names of one tenant's web integrations and their\n" +
			"origins, without ids, times and authors. If the store has several tenants, --tenant selects one.",
		Example: "  originwarden export --store sqlite:originwarden.db --output lists.jsonl\n" +
			"  originwarden export --server https://tenant.example.com | originwarden import --config originwarden.yaml\n" +
			"  originwarden export --server https://tenant.example.com --format yaml --output lists.yaml",
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := e.from.resolve(); err != nil {
				return err
			}
			if e.from.isServer() && e.tenants != nil {
				return errors.New("--tenant is for a store: a server has one tenant")
			}
			if e.format != formatLines && e.format != formatYAML {
				return fmt.Errorf("--format must be %s or %s, not %q", formatLines, formatYAML, e.format)
			}
			return env.UntilStopped(e.run)
		},
	}
	e.from.defineFlags(cmd)
	cmd.Flags().StringSliceVar(&e.tenants, "tenant", nil, "only this tenant's; may be repeated or comma-separated")
	cmd.Flags().StringVar(&e.format, "format", formatLines, "jsonl for import, or yaml for apply")
	cmd.Flags().StringVarP(&e.output, "output", "o", "", "the file to write, with mode 0600, replacing an older one (default: standard output)")
	return cmd
}

func (e *export) run(ctx context.Context) error {
	from, err := e.from.openSource(ctx)
	if err != nil {
		return err
	}
	defer from.close()
	if e.output == "" || e.output == "-" {
		_, err := e.write(ctx, from, e.from.env.Stdout)
		return exportFailure(err)
	}
	count := 0
	err = atomicfile.Write(e.output, func(to io.Writer) (err error) {
		count, err = e.write(ctx, from, to)
		return err
	})
	if err != nil {
		return exportFailure(err)
	}
	return e.from.env.Print(fmt.Appendf(nil, "exported %d web integrations to %s\n", count, escape.Text(e.output)))
}

// write exports in the format, and returns the number of web integrations.
func (e *export) write(ctx context.Context, from transfer.Source, to io.Writer) (int, error) {
	if e.format == formatYAML {
		return e.writeYAML(ctx, from, to)
	}
	return transfer.Export{Tenants: e.tenants, Server: e.from.server.Server}.Write(ctx, from, to)
}

func exportFailure(err error) error {
	if err == nil {
		return nil
	}
	return connection.Failure("exporting", err)
}

// source is a location that is open for reading.
type source struct {
	transfer.Source
	close func() error
}

// openSource opens the location for reading. A SQLite file is read as it is now,
// also while a gateway uses it.
func (l *location) openSource(ctx context.Context) (source, error) {
	if l.isServer() {
		s, err := l.openServer()
		return source{s, closeNothing}, err
	}
	cfg, err := l.loadConfig()
	if err != nil {
		return source{}, err
	}
	return openStoreToRead(ctx, cfg)
}

// openStoreToRead opens a store without creating or changing it. If it does not
// exist, the error is fs.ErrNotExist, or calls of the source fail with
// store.ErrMissing.
func openStoreToRead(ctx context.Context, cfg *config.Config) (source, error) {
	if !cfg.Store.URL.Remote() {
		r, err := sqlite.OpenReader(ctx, cfg.Store.URL.Path)
		if err != nil {
			return source{}, command.Failed(err)
		}
		return source{r, r.Close}, nil
	}
	reading := *cfg
	reading.Store.Create = config.CreateNever
	s, err := openStore(ctx, &reading, nil)
	if err != nil {
		return source{}, err
	}
	return source{s, s.Store.Close}, nil
}
