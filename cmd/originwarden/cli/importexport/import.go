package importexport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/transfer"
)

// importer holds the flags and the results of the command import.
type importer struct {
	location location
	renames  []string // FROM=TO
	prune    bool
	dryRun   bool

	to       destination
	counts   [transfer.Ambiguous + 1]int // by action
	failures []error
}

// NewImport returns the command import.
func NewImport(env command.Environment) *cobra.Command {
	i := &importer{location: location{env: env}}
	cmd := &cobra.Command{
		Use:   "import [--store URL | --config FILE | --server URL] [--dry-run] [--prune] [--tenant FROM=TO]... [FILE]",
		Short: "Write the web integrations of a file to a store or a server",
		Long: "Write the web integrations of a file that export wrote to a store or a server. Without a file\n" +
			"it reads standard input.\n\n" + locationHelp + "\n\n" +
			"If the file has mistakes, all of them are printed with their lines, and nothing is written.\n" +
			"Otherwise a web integration is created if it is missing, changed if it differs, and left alone\n" +
			"if it is equal: an import can be repeated. In a store, web integrations keep their ids, times\n" +
			"and authors. A server assigns its own; there, a web integration with another id is the same if\n" +
			"it is the only one of that name. What is not in the file stays, unless --prune deletes it from\n" +
			"the tenants in the file. What cannot be written, because of a limit or because another tenant\n" +
			"has the id, is reported, and the others are written.\n\n" +
			"In a SQLite file everything is written in one transaction: an interrupted import has written\n" +
			"nothing. No gateway may use the file at the same time: if one is running, give --server. In\n" +
			"etcd about 30 web integrations are written at once, in the order of the file, and gateways see\n" +
			"them at once: an interrupted import has written the first ones, and writes the others when it\n" +
			"is repeated. A missing store is created, with a warning, unless store.create is never.\n\n" +
			"--dry-run prints what would happen, and writes nothing: + would be created, ~ would be changed\n" +
			"and how, - would be deleted, ! cannot be decided. It does not check limits, or whether another\n" +
			"tenant has an id.",
		Example: "  originwarden export --store sqlite:originwarden.db | originwarden import --config etcd.yaml\n" +
			"  originwarden import --store sqlite:originwarden.db --tenant 5f0c7e8e1d2a3b4c5d6e7f80=acme --dry-run lists.jsonl",
		Args: command.Arguments(0, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := i.location.resolve(); err != nil {
				return err
			}
			file := "-"
			if len(args) > 0 {
				file = args[0]
			}
			return env.UntilStopped(func(ctx context.Context) error { return i.run(ctx, file, cmd.InOrStdin()) })
		},
	}
	i.location.defineFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&i.dryRun, "dry-run", false, "print what would happen, and write nothing")
	flags.BoolVar(&i.prune, "prune", false, "delete web integrations that are not in the file, from the tenants in the file")
	flags.StringSliceVar(&i.renames, "tenant", nil, "FROM=TO gives the file's tenant FROM the id TO in the store; may be repeated or comma-separated")
	return cmd
}

func (i *importer) run(ctx context.Context, name string, stdin io.Reader) error {
	renames, err := i.parseRenames()
	if err != nil {
		return err
	}
	patterns, err := i.patternsOfTenants(renames)
	if err != nil {
		return err
	}
	file, err := command.ReadUntilStopped(ctx, func() (*transfer.File, error) { return readExport(name, stdin, patterns) })
	if err != nil {
		return command.Failed(fmt.Errorf("nothing is imported:\n%w", err))
	}
	if err := i.renameTenants(file, renames); err != nil {
		return err
	}
	if i.to, err = i.location.openDestination(ctx, i.dryRun); err != nil {
		return err
	}
	if err := i.importTenants(ctx, file.Tenants); err != nil {
		i.to.close()
		return err
	}
	return command.Failed(i.to.close())
}

func readExport(name string, stdin io.Reader, patterns func(tenant string) origins.Patterns) (*transfer.File, error) {
	f, err := command.OpenInput(name, stdin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return transfer.Read(f, patterns)
}

// patternsOfTenants returns the patterns that the entries of the file's tenants may
// have. A server checks that itself. If a tenant is not in the configuration, all are
// valid: a gateway ignores those that its own configuration does not permit.
func (i *importer) patternsOfTenants(renames map[string]string) (func(tenant string) origins.Patterns, error) {
	configured := map[string]origins.Patterns{}
	if !i.location.isServer() {
		cfg, err := i.location.loadConfig()
		if err != nil {
			return nil, err
		}
		for i := range cfg.Tenants {
			ids, err := cfg.Tenants[i].ReadIDs()
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				configured[id] = origins.Patterns(cfg.Tenants[i].Patterns)
			}
		}
	}
	return func(tenant string) origins.Patterns {
		if to, ok := renames[tenant]; ok {
			tenant = to
		}
		if patterns, ok := configured[tenant]; ok {
			return patterns
		}
		return origins.HostedPatterns
	}, nil
}

// parseRenames parses the values of --tenant.
func (i *importer) parseRenames() (map[string]string, error) {
	if i.location.isServer() && len(i.renames) > 0 {
		return nil, errors.New("--tenant is for a store: a server has one tenant, and its id need not be the file's")
	}
	renames := map[string]string{}
	for _, rename := range i.renames {
		from, to, ok := strings.Cut(rename, "=")
		switch _, twice := renames[from]; {
		case !ok || from == "":
			return nil, fmt.Errorf("--tenant: %q is not FROM=TO", rename)
		case !origins.IsTenantID(to):
			return nil, fmt.Errorf("--tenant: %q is not a tenant id", to)
		case twice:
			return nil, fmt.Errorf("--tenant: %q is given twice", from)
		}
		renames[from] = to
	}
	return renames, nil
}

// renameTenants changes the ids of the file's tenants, and checks the ids.
func (i *importer) renameTenants(file *transfer.File, renames map[string]string) error {
	if i.location.isServer() {
		if len(file.Tenants) > 1 {
			return command.Failed(fmt.Errorf("the file has %d tenants, and a server has one: export only that one", len(file.Tenants)))
		}
		return nil
	}
	used := map[string]string{}
	for n := range file.Tenants {
		t := &file.Tenants[n]
		from := t.ID
		if to, ok := renames[from]; ok {
			t.ID = to
			delete(renames, from)
		}
		if other, ok := used[t.ID]; ok {
			return fmt.Errorf("--tenant: both %q and %q of the file would be %s", other, from, t.ID)
		}
		used[t.ID] = from
		if !origins.IsTenantID(t.ID) {
			return command.Failed(fmt.Errorf("the file has a tenant %q, which is not a valid id here: give it another id with --tenant", from))
		}
		for j := range t.Integrations {
			t.Integrations[j].TenantID = t.ID
		}
	}
	for from := range renames {
		return fmt.Errorf("--tenant: the file has no tenant %q", from)
	}
	return nil
}

// importTenants imports all tenants and prints a summary. An error that does not
// concern one web integration alone ends the import.
func (i *importer) importTenants(ctx context.Context, all []transfer.Tenant) error {
	steps, err := i.compareTenants(ctx, all)
	if err != nil {
		return err
	}
	if i.dryRun {
		err = i.printSteps(steps)
	} else {
		i.applySteps(ctx, steps)
	}
	if err == nil {
		err = i.location.env.Print([]byte(i.summary()))
	}
	if err != nil {
		return err
	}
	return command.JoinFailures(i.failures)
}

// parallelReads is how many tenants are read at once.
const parallelReads = 16

// compareTenants returns the steps for all tenants, in their order.
func (i *importer) compareTenants(ctx context.Context, all []transfer.Tenant) ([]transfer.Step, error) {
	rules := transfer.Rules{ByName: i.location.isServer(), Prune: i.prune}
	steps := make([][]transfer.Step, len(all))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(parallelReads)
	for n, t := range all {
		reading.Go(func() error {
			_, has, err := i.to.load(ctx, t.ID)
			if err != nil {
				return connection.Failure("the import ended at tenant "+t.ID+" and can be repeated", err)
			}
			steps[n] = rules.Compare(has, t.Integrations)
			return nil
		})
	}
	err := reading.Wait()
	return slices.Concat(steps...), err
}

// applySteps applies the steps. It continues after errors that concern one step.
func (i *importer) applySteps(ctx context.Context, steps []transfer.Step) {
	refused, err := i.to.applyAll(ctx, steps)
	for n, refusal := range refused {
		if refusal == nil {
			i.counts[steps[n].Action]++
			continue
		}
		i.failures = append(i.failures, connection.Failure(stepName(steps[n]), explainRefusal(refusal)))
	}
	if err != nil {
		i.failures = append(i.failures, connection.Failure("the import ended early and can be repeated", err))
	}
}

// explainRefusal returns what a store's error means for an import.
func explainRefusal(err error) error {
	switch {
	case errors.Is(err, store.ErrExists):
		return errors.New("another tenant has its id")
	case errors.Is(err, store.ErrNotFound):
		return errors.New("it was deleted meanwhile; repeat the import to create it")
	}
	return err
}

// printSteps prints the steps of a dry run.
func (i *importer) printSteps(steps []transfer.Step) error {
	for _, step := range steps {
		i.counts[step.Action]++
		if step.Action == transfer.Ambiguous {
			i.failures = append(i.failures, connection.Failure(stepName(step), errors.New(step.Problem)))
		}
		if err := i.location.env.Print(formatStep(step)); err != nil {
			return err
		}
	}
	return nil
}

// summary returns how many web integrations were created, changed and so on.
func (i *importer) summary() string {
	counted := []string{
		fmt.Sprintf("%d created", i.counts[transfer.Create]),
		fmt.Sprintf("%d changed", i.counts[transfer.Change]),
		fmt.Sprintf("%d unchanged", i.counts[transfer.Keep]),
	}
	if i.prune {
		counted = slices.Insert(counted, 2, fmt.Sprintf("%d deleted", i.counts[transfer.Delete]))
	}
	text := strings.Join(counted, ", ") + "\n"
	if i.dryRun {
		return "dry run, nothing was written: " + text
	}
	return text
}
