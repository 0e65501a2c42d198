// Package apply has the command that makes a server's web integrations those that
// files say.
package apply

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/cmd/originwarden/cli/listfile"
	"originwarden/envelope/escape"
)

// application holds the flags of the command apply.
type application struct {
	env    command.Environment
	flags  connection.Flags
	files  []string
	prune  bool
	dryRun bool
	yes    bool
	stdin  io.Reader
}

// New returns the command apply.
func New(env command.Environment) *cobra.Command {
	a := &application{env: env}
	cmd := &cobra.Command{
		Use:   "apply --file FILE... [--prune] [--dry-run]",
		Short: "Make a server's web integrations those that files list",
		Long: "Make the web integrations of a server those that YAML or JSON files list: by their names, with\n" +
			"their valid origins.\n\n" +
			"  web_integrations:\n" +
			"    production:\n" +
			"      - https://app.example.com\n" +
			"      - https://admin.example.com\n" +
			"    staging: [https://staging.example.com]\n\n" +
			"If the files have mistakes, all of them are printed with their lines, and nothing is written.\n" +
			"Otherwise a web integration is created if it is missing, and its origins are changed if they\n" +
			"differ; the order of origins, and how they are written, make no difference. What is not in the\n" +
			"files stays, unless --prune deletes it. Origins are added first and removed last, so an origin that\n" +
			"moves is listed all the time. A change by others meanwhile is never overwritten unseen: the web\n" +
			"integration is read and compared again. That needs a server that sends strong ETags, as\n" +
			"originwarden does; with another one, apply warns. A second run writes nothing.\n\n" +
			"--dry-run prints what would change and writes nothing: + would be created or added, ~ would be\n" +
			"changed, - would be deleted or removed.\n\n" +
			"The exit status is 0 if all is done, or if a dry run found no differences; 1 if something failed;\n" +
			"2 if the command line is wrong; and 3 if a dry run found differences.\n\n" +
			"ORIGINWARDEN_SERVER is the URL of the tenant's host, ORIGINWARDEN_TOKEN the token. Any server of\n" +
			"the same API will do. originwarden export --format yaml writes such a file.",
		Example: "  originwarden apply -f lists.yaml --dry-run\n" +
			"  originwarden apply -f lists.yaml --prune\n" +
			"  originwarden export --server https://staging.example.com --format yaml | originwarden apply -f -",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.stdin = cmd.InOrStdin()
			return env.UntilStopped(a.run)
		},
	}
	a.flags.Define(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&a.files, "file", "f", nil, "a file, or a directory of .yaml, .yml and .json files; - is standard input; may be repeated")
	flags.BoolVar(&a.prune, "prune", false, "delete web integrations that are not in the files")
	flags.BoolVar(&a.dryRun, "dry-run", false, "print the differences, write nothing, and exit with status 3 if there are any")
	flags.BoolVarP(&a.yes, "yes", "y", false, "do not ask before --prune deletes every web integration of the server")
	cmd.MarkFlagRequired("file")
	return cmd
}

func (a *application) run(ctx context.Context) error {
	server, err := a.flags.Client(a.env)
	if err != nil {
		return err
	}
	wanted, err := command.ReadUntilStopped(ctx, func() ([]listfile.WebIntegration, error) { return readFiles(a.files, a.stdin) })
	if err != nil {
		return command.Failed(fmt.Errorf("nothing is applied:\n%w", err))
	}
	existing, err := connection.ReadAll(ctx, server)
	if err != nil {
		return connection.Failure("reading the web integrations", err)
	}
	p, err := newPlan(existing, wanted, a.prune)
	switch {
	case err != nil:
		return command.Failed(fmt.Errorf("nothing is applied:\n%w", err))
	case a.dryRun:
		return a.printPlan(p)
	}
	if err := a.confirm(ctx, p, server.Server); err != nil {
		return command.Failed(err)
	}
	return a.apply(ctx, server, p, wanted)
}

// printPlan prints what would change.
func (a *application) printPlan(p *plan) error {
	for i := range p.changes {
		if err := a.env.Print(p.changes[i].diff()); err != nil {
			return err
		}
	}
	if err := a.env.Print([]byte("dry run, nothing was written: " + p.tally().String() + "\n")); err != nil {
		return err
	}
	if len(p.changes) > 0 {
		return command.ErrDiffers
	}
	return nil
}

// apply makes the changes and prints a summary.
func (a *application) apply(ctx context.Context, server *client.Client, p *plan, wanted []listfile.WebIntegration) error {
	w := &writer{server: server, print: a.env.Print, warnings: a.env.Stderr, changed: map[string]bool{}, tally: tally{unchanged: p.unchanged, others: p.others}}
	w.run(ctx, p)
	if w.tally.created > 0 && !w.ended {
		w.checkCreated(ctx, wanted)
	}
	summary := w.tally.String()
	if w.revision > 0 {
		summary += fmt.Sprintf("; in force from revision %d", w.revision)
	}
	if err := a.env.Print([]byte(summary + "\n")); err != nil {
		return err
	}
	return w.failure()
}

// checkCreated reports names that another client has created at the same time: no
// server of the API keeps names unique.
func (w *writer) checkCreated(ctx context.Context, wanted []listfile.WebIntegration) {
	all, err := connection.ReadAll(ctx, w.server)
	if err != nil {
		err = connection.Failure("checking the names", err)
	} else {
		err = command.Failed(checkNames(groupByName(all), wanted))
	}
	if err != nil {
		w.failures = append(w.failures, err)
	}
}

// confirm asks, or requires --yes, before everything that is on the server is deleted:
// it may be the wrong server or the wrong file.
func (a *application) confirm(ctx context.Context, p *plan, server string) error {
	if !p.deletesAll() || a.yes {
		return nil
	}
	what := fmt.Sprintf("all %d web integrations that %s has", p.existing, escape.Text(server))
	if !a.env.StdinIsTerminal || !a.env.StderrIsTerminal {
		return fmt.Errorf("nothing is applied: --prune would delete %s: give --yes if you mean it", what)
	}
	fmt.Fprintf(a.env.Stderr, "originwarden: --prune would delete %s. Type yes to continue: ", what)
	answer, err := readLine(ctx, a.stdin)
	if err != nil || answer != "yes" {
		return errors.Join(errors.New("nothing is applied: --prune was not confirmed"), err)
	}
	return nil
}

// readLine returns the next line without spaces around it. It does not wait longer than
// ctx; the goroutine that reads then ends with the process.
func readLine(ctx context.Context, from io.Reader) (string, error) {
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(from).ReadString('\n')
		lines <- strings.TrimSpace(line)
	}()
	select {
	case line := <-lines:
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
