package webintegration

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/store"
	"originwarden/store/history"
)

func (s *shared) newUndo() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		SuggestFor: []string{"revert", "rollback"},
		Use:        "undo REVISION",
		Short:      "Undo one change of the history, and nothing else",
		Long: "Undo one change of the history, and nothing else: what it added is removed, what it\n" +
			"removed is added, and a web integration that it deleted is created again, with another\n" +
			"id. REVISION is that which history prints; it may end in a hyphen and a number.\n\n" +
			"If something that the change touched was changed again later, undo fails, so that it\n" +
			"never undoes a later change without --force.",
		Example: "  originwarden web-integration undo 57\n" +
			"  originwarden web-integration undo 57-2 --force",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			revision, _, ok := store.ParseRecordID(args[0])
			if !ok || revision == 0 {
				return fmt.Errorf("%q is not a revision that history prints", args[0])
			}
			return s.call("undoing "+args[0], func(c *client.Client) ([]byte, error) {
				return s.undo(cmd.Context(), c, args[0], revision, force)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "also undo later changes of the same name or origins")
	return cmd
}

// undo undoes the change with the id, which is of this revision.
func (s *shared) undo(ctx context.Context, c *client.Client, id string, revision uint64, force bool) ([]byte, error) {
	past, err := readChanges(ctx, c, revision-1)
	if err != nil {
		return nil, err
	}
	r, later, found := findChange(past, id)
	if !found {
		return nil, errors.New("the history has no such change")
	}
	current, err := c.Get(ctx, r.Integration)
	var now *store.WebIntegration
	switch {
	case errors.Is(err, client.ErrNotFound):
	case err != nil:
		return nil, err
	case current.ETag == "": // a write could overwrite a concurrent change
		return nil, errors.New("the server sends no ETag")
	default:
		now = &store.WebIntegration{Name: current.Name, ValidOrigins: current.ValidOrigins, Revision: revisionOf(current.ETag)}
	}
	// Changes that were made before the web integration was read, but after the history
	// was; the ETag excludes later ones.
	more, err := readChanges(ctx, c, past[len(past)-1].Revision)
	if err != nil {
		return nil, err
	}
	u, err := history.NewUndo(r, now, append(later, more...), force)
	if _, conflicts := errors.AsType[*history.ConflictError](err); conflicts {
		return nil, fmt.Errorf("%w; --force undoes that too", err)
	}
	if err != nil {
		return nil, err
	}
	return s.write(ctx, c, u, current)
}

// write makes the write of an undo, on the condition that the web integration is
// unchanged.
func (s *shared) write(ctx context.Context, c *client.Client, u history.Undo, current client.WebIntegration) ([]byte, error) {
	switch u.Operation {
	case store.Created:
		created, err := c.Create(ctx, u.Name, u.ValidOrigins)
		return s.output.formatOne(created), err
	case store.Deleted:
		response, err := c.Delete(ctx, current.ID, current.ETag)
		return s.output.formatWrite("deleted", current.ID, response), err
	}
	operations := []client.Operation{client.ReplaceName(u.Name), client.ReplaceValidOrigins(u.ValidOrigins...)}
	response, err := c.Patch(ctx, current.ID, operations, current.ETag)
	return s.output.formatWrite("changed", current.ID, response), err
}

// readChanges returns all changes after a revision, the oldest first.
func readChanges(ctx context.Context, c *client.Client, since uint64) (all []store.Record, err error) {
	for change, err := range c.Changes(ctx, client.ChangeOptions{Since: &since}) {
		if err != nil {
			return nil, err
		}
		all = append(all, recordOf(change))
	}
	return all, nil
}

// findChange returns the change with an id, and those after it.
func findChange(past []store.Record, id string) (found store.Record, later []store.Record, ok bool) {
	for i, r := range past {
		if r.ID == id {
			return r, past[i+1:], true
		}
	}
	return store.Record{}, nil, false
}

// revisionOf returns the revision that an entity tag of originwarden is, or one that is
// later than all others.
func revisionOf(etag string) (revision uint64) {
	if _, err := fmt.Sscanf(etag, `"%d"`, &revision); err != nil {
		return 1<<64 - 1
	}
	return revision
}
