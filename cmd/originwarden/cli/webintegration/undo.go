package webintegration

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/envelope/escape"
	"originwarden/store"
)

func (s *shared) newUndo() *cobra.Command {
	var wanted client.Undo
	cmd := &cobra.Command{
		SuggestFor: []string{"revert", "rollback"},
		Use:        "undo REVISION",
		Short:      "Undo one change of the history, and nothing else",
		Long: "Undo one change of the history, and nothing else: what it added is removed, what it\n" +
			"removed is added, and a web integration that it deleted is created again, with another\n" +
			"id. REVISION is that which history prints; it may end in a hyphen and a number.\n\n" +
			"If something that the change touched was changed again later, undo fails and names\n" +
			"these changes, so that it never undoes a later change without --force.",
		Example: "  originwarden web-integration undo 57\n" +
			"  originwarden web-integration undo 57-2 --force --dry-run",
		Args: command.Arguments(1, 1, "REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			revision, _, ok := store.ParseRecordID(args[0])
			if !ok || revision == 0 {
				return fmt.Errorf("%q is not a revision that history prints", args[0])
			}
			return s.call("undoing "+args[0], func(c *client.Client) ([]byte, error) {
				undone, err := c.UndoChange(cmd.Context(), args[0], wanted)
				if err != nil {
					return nil, explainUndo(err)
				}
				return s.output.formatUndone(undone, wanted.DryRun), nil
			})
		},
	}
	cmd.Flags().BoolVar(&wanted.Force, "force", false, "also undo later changes of the same name or origins")
	cmd.Flags().BoolVar(&wanted.DryRun, "dry-run", false, "only print what would be changed")
	return cmd
}

// explainUndo says why an undo failed.
func explainUndo(err error) error {
	refused, ok := errors.AsType[*client.Error](err)
	switch {
	case ok && refused.Status == http.StatusNotFound && knowsHistory(refused):
		return errors.New("the history has no such change")
	case ok && refused.Status == http.StatusNotFound:
		return errors.New("the server has no such change, or is an older one without undo")
	case !ok || refused.Status != http.StatusConflict || len(refused.Errors) == 0:
		return err
	}
	var texts []string
	for _, problem := range refused.Errors {
		texts = append(texts, escape.Text(problem.Detail))
	}
	text := strings.Join(texts, "; ")
	if refused.Errors[0].Code == "UNDO_CONFLICT" {
		text += "; --force undoes that too"
	}
	return errors.New(text)
}

// knowsHistory reports whether a 404 is that of a change, not that of the path.
func knowsHistory(refused *client.Error) bool {
	return len(refused.Errors) > 0 && refused.Errors[0].Code == "WEBINTEGRATIONS_NOT_FOUND" && refused.Errors[0].Detail != ""
}

func (o output) formatUndone(u client.Undone, dryRun bool) []byte {
	if !dryRun || o.raw {
		return o.formatWrite(strings.Replace(u.Operation, "updated", "changed", 1), u.ID, u.Response)
	}
	if o.json {
		return formatJSON(u)
	}
	if o.quiet {
		return formatTable([][]string{{u.ID}})
	}
	rows := [][]string{{"would be " + strings.Replace(u.Operation, "updated", "changed", 1) + ":", u.Name, u.ID}}
	for _, entry := range u.Removed {
		rows = append(rows, []string{"", "-" + entry})
	}
	for _, entry := range u.Added {
		rows = append(rows, []string{"", "+" + entry})
	}
	return formatTable(rows)
}
