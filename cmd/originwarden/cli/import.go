package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/origins"
	"originwarden/store/transfer"
)

// importing is what import is told to do.
type importing struct {
	place
	renames []string
	prune   bool
	dryRun  bool
}

func newImport(env Environment) *cobra.Command {
	i := &importing{place: place{webIntegrations: webIntegrations{env: env}}}
	cmd := &cobra.Command{
		Use:   "import [--store URL | --config FILE | --server URL] [--dry-run] [--prune] [--tenant FROM=TO]... [FILE]",
		Short: "Bring the web integrations of a file into a store or a server",
		Long: "Bring the web integrations of a file that export has written into a store or a server. Without\n" +
			"a file it is standard input.\n\n" + placeHelp + "\n\n" +
			"The file is taken whole or not at all: every mistake in it is told with its line. Then each of\n" +
			"its web integrations is created where it is missing, changed where it differs, and left alone\n" +
			"where it is equal, so that an import can be repeated. In a store they keep their ids, times and\n" +
			"authors. A server gives its own: what has another id there is the same if it alone has the same\n" +
			"name. What is not in the file stays, unless --prune deletes it from the tenants in the file.\n" +
			"What cannot be written, because of a limit or because another tenant has the id, is told, and\n" +
			"the others are written all the same.\n\n" +
			"Into a SQLite file everything is written at once: an import that is cut off has written nothing.\n" +
			"No gateway may use the file meanwhile: for a gateway that runs, give --server. Into etcd some 30\n" +
			"web integrations are written at once, in the order of the file, and gateways learn of them at\n" +
			"once: an import that is cut off has written the first ones. Repeated, it writes the others.\n" +
			"A store that is missing is made, and that is told, unless store.create is never.\n\n" +
			"--dry-run shows what would happen, and writes nothing: + what would be created, ~ what would be\n" +
			"changed and how, - what would be deleted, ! what cannot be decided. Limits, and ids that other\n" +
			"tenants have, are found out by the import alone.",
		Example: "  originwarden export --store sqlite:originwarden.db | originwarden import --config etcd.yaml\n" +
			"  originwarden import --store sqlite:originwarden.db --tenant 5f0c7e8e1d2a3b4c5d6e7f80=acme --dry-run lists.jsonl",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := i.settle(); err != nil {
				return err
			}
			file := "-"
			if len(args) > 0 {
				file = args[0]
			}
			return env.UntilStopped(func(ctx context.Context) error { return i.run(ctx, file, cmd.InOrStdin()) })
		},
	}
	i.flags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&i.dryRun, "dry-run", false, "show what would happen, and write nothing")
	flags.BoolVar(&i.prune, "prune", false, "delete what the tenants of the file have beside it")
	flags.StringSliceVar(&i.renames, "tenant", nil, "FROM=TO gives the file's tenant FROM the id TO in the store; may be repeated, and be several with commas")
	return cmd
}

func (i *importing) run(ctx context.Context, name string, stdin io.Reader) error {
	renames, err := i.parseRenames()
	if err != nil {
		return err
	}
	file, err := readExport(name, stdin)
	if err != nil {
		return command.Failed(fmt.Errorf("nothing is imported:\n%w", err))
	}
	if err := i.rename(file, renames); err != nil {
		return err
	}
	to, err := i.destination(ctx)
	if err != nil {
		return err
	}
	work := transport{importing: i, to: to}
	if err := work.tenants(ctx, file.Tenants); err != nil {
		to.close()
		return err
	}
	return command.Failed(to.close())
}

// readExport reads a file, or stdin if its name is "-".
func readExport(name string, stdin io.Reader) (*transfer.File, error) {
	if name == "-" {
		return transfer.Read(stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return transfer.Read(f)
}

// parseRenames reads what --tenant says.
func (i *importing) parseRenames() (map[string]string, error) {
	if i.server != "" && len(i.renames) > 0 {
		return nil, errors.New("--tenant is for a store: a server is one tenant's, whatever the file calls it")
	}
	renames := map[string]string{}
	for _, rename := range i.renames {
		from, to, ok := strings.Cut(rename, "=")
		switch _, twice := renames[from]; {
		case !ok || from == "":
			return nil, fmt.Errorf("--tenant: %q is not FROM=TO", rename)
		case !origins.IsTenantID(to):
			return nil, fmt.Errorf("--tenant: %q is no tenant id", to)
		case twice:
			return nil, fmt.Errorf("--tenant: %q is given twice", from)
		}
		renames[from] = to
	}
	return renames, nil
}

// rename gives the file's tenants the ids that they are to have, and makes sure
// that each can have its own.
func (i *importing) rename(file *transfer.File, renames map[string]string) error {
	if i.server != "" {
		if len(file.Tenants) > 1 {
			return command.Failed(fmt.Errorf("the file has %d tenants, and a server is one tenant's: export the one that is meant", len(file.Tenants)))
		}
		return nil
	}
	taken := map[string]string{}
	for at := range file.Tenants {
		t := &file.Tenants[at]
		from := t.ID
		if to, ok := renames[from]; ok {
			t.ID = to
			delete(renames, from)
		}
		if other, ok := taken[t.ID]; ok {
			return fmt.Errorf("--tenant: both %q and %q of the file would be %s", other, from, t.ID)
		}
		taken[t.ID] = from
		if !origins.IsTenantID(t.ID) {
			return command.Failed(fmt.Errorf("the file has a tenant %q, which can be none here: give it another id with --tenant", from))
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

// transport carries web integrations to their destination.
type transport struct {
	*importing
	to       destination
	counts   [transfer.Ambiguous + 1]int
	failures []error
}

// tenants brings all tenants to their destination, and says what that was. An
// error that is not about one web integration ends it.
func (w *transport) tenants(ctx context.Context, all []transfer.Tenant) error {
	steps, err := w.compare(ctx, all)
	switch {
	case err != nil:
		w.failures = append(w.failures, err)
	case w.dryRun:
		err = w.show(steps)
	default:
		w.take(ctx, steps)
	}
	if err := cmp.Or(err, w.env.Print([]byte(w.summary()))); err != nil {
		return err
	}
	return command.JoinFailures(w.failures)
}

// parallelReads is how many tenants are read at once.
const parallelReads = 16

// compare returns the steps for all tenants, in their order.
func (w *transport) compare(ctx context.Context, all []transfer.Tenant) ([]transfer.Step, error) {
	rules := transfer.Rules{ByName: w.server != "", Prune: w.prune}
	steps := make([][]transfer.Step, len(all))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(parallelReads)
	for i, t := range all {
		reading.Go(func() error {
			_, has, err := w.to.load(ctx, t.ID)
			if err != nil {
				return told("tenant "+t.ID+", with which the import ends, and can be repeated", err)
			}
			steps[i] = rules.Compare(has, t.Integrations)
			return nil
		})
	}
	err := reading.Wait()
	return slices.Concat(steps...), err
}

// take takes the steps. Failures that concern one of them alone are for the end.
func (w *transport) take(ctx context.Context, steps []transfer.Step) {
	refused, err := w.to.take(ctx, steps)
	for i, refusal := range refused {
		if refusal == nil {
			w.counts[steps[i].Action]++
			continue
		}
		w.failures = append(w.failures, told(stepName(steps[i]), explained(refusal)))
	}
	if err != nil {
		w.failures = append(w.failures, told("the import ended early, and can be repeated", err))
	}
}

// show prints steps that are not taken.
func (w *transport) show(steps []transfer.Step) error {
	for _, step := range steps {
		w.counts[step.Action]++
		if step.Action == transfer.Ambiguous {
			w.failures = append(w.failures, told(stepName(step), errors.New(step.Problem)))
		}
		if err := w.env.Print(shownStep(step)); err != nil {
			return err
		}
	}
	return nil
}

// summary counts what has happened.
func (w *transport) summary() string {
	counted := []string{
		fmt.Sprintf("%d created", w.counts[transfer.Create]),
		fmt.Sprintf("%d changed", w.counts[transfer.Change]),
		fmt.Sprintf("%d unchanged", w.counts[transfer.Keep]),
	}
	if w.prune {
		counted = slices.Insert(counted, 2, fmt.Sprintf("%d deleted", w.counts[transfer.Delete]))
	}
	text := strings.Join(counted, ", ") + "\n"
	if w.dryRun {
		return "dry run, nothing was written: " + text
	}
	return text
}
