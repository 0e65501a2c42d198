package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/escape"
	"originwarden/store/transfer"
)

// exporting is what export is told to do.
type exporting struct {
	place
	tenants []string
	output  string
}

func newExport(env Environment) *cobra.Command {
	e := &exporting{place: place{webIntegrations: webIntegrations{env: env}}}
	cmd := &cobra.Command{
		Use:   "export [--store URL | --config FILE | --server URL] [--tenant ID]... [--output FILE]",
		Short: "Write all web integrations to a file that import takes",
		Long: "Write all web integrations as lines of JSON, to standard output or to a file.\n\n" + placeHelp + "\n\n" +
			"A SQLite file is read as it is at one moment, also while a gateway uses it; of etcd each tenant\n" +
			"is read at one revision, which its line tells. A server tells the web integrations of its one\n" +
			"tenant; they are read until they come twice alike. The last line tells how many there are, and\n" +
			"import takes no file without it.",
		Example: "  originwarden export --store sqlite:originwarden.db --output lists.jsonl\n" +
			"  originwarden export --server https://tenant.example.com | originwarden import --config originwarden.yaml",
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := e.settle(); err != nil {
				return err
			}
			if e.server != "" && e.tenants != nil {
				return errors.New("--tenant is for a store: a server is one tenant's")
			}
			return env.UntilStopped(e.run)
		},
	}
	e.flags(cmd)
	cmd.Flags().StringSliceVar(&e.tenants, "tenant", nil, "only this tenant's; may be repeated, and be several with commas")
	cmd.Flags().StringVarP(&e.output, "output", "o", "", "the file to write, with mode 0600, in the place of an older one (default: standard output)")
	return cmd
}

func (e *exporting) run(ctx context.Context) error {
	from, err := e.source(ctx)
	if err != nil {
		return err
	}
	defer from.close()
	order := transfer.Export{Tenants: e.tenants, Server: e.server}
	count := 0
	write := func(to io.Writer) (err error) {
		count, err = order.Write(ctx, from, to)
		return err
	}
	toFile := e.output != "" && e.output != "-"
	if toFile {
		err = replaceFile(e.output, write)
	} else {
		err = write(e.env.Stdout)
	}
	switch {
	case err != nil:
		return told("exporting", err)
	case !toFile:
		return nil
	}
	return e.env.Print(fmt.Appendf(nil, "exported %d web integrations to %s\n", count, escape.Text(e.output)))
}

// replaceFile makes a file of what write writes, whole or not at all.
// os.CreateTemp gives it mode 0600.
func replaceFile(name string, write func(io.Writer) error) error {
	if there, err := os.Stat(name); err == nil && !there.Mode().IsRegular() {
		return fmt.Errorf("%s is there already, and no file", name)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
