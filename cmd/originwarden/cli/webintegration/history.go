package webintegration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/store"
	"originwarden/store/history"
)

func (s *shared) newHistory() *cobra.Command {
	var wanted client.ChangeOptions
	var since uint64
	cmd := &cobra.Command{
		SuggestFor: []string{"log", "changes"},
		Use:        "history",
		Short:      "Print who changed the tenant's web integrations, when, and how",
		Long: "Print who changed the tenant's web integrations, when, and how: the latest change first,\n" +
			"or with --since the oldest one first. An entry that was added has a +, one that was\n" +
			"removed a -.",
		Example: "  originwarden web-integration history --origin https://shop.example\n" +
			"  originwarden web-integration history --integration ID --limit 10\n" +
			"  originwarden web-integration history --since 57 --json",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("limit") && wanted.Limit < 1 {
				return errors.New("--limit must be at least 1")
			}
			if cmd.Flags().Changed("since") {
				wanted.Since = &since
			}
			return s.call("reading the history", func(c *client.Client) ([]byte, error) {
				if s.output.raw {
					return s.readChangePage(cmd.Context(), c, wanted)
				}
				return s.readHistory(cmd.Context(), c, wanted)
			})
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&wanted.Limit, "limit", 0, "how many changes to print at most (default: all); --raw prints one page, of at most 100 and by default 10")
	flags.StringVar(&wanted.Integration, "integration", "", "only changes of the web integration of this id")
	flags.StringVar(&wanted.Origin, "origin", "", "only changes that added or removed an entry that lists this origin, and those whose entries were too long to be kept")
	flags.Uint64Var(&since, "since", 0, "only changes after this revision, the oldest first")
	return cmd
}

func (s *shared) readHistory(ctx context.Context, c *client.Client, wanted client.ChangeOptions) ([]byte, error) {
	limit := cmp.Or(wanted.Limit, math.MaxInt)
	wanted.Limit = min(limit, maxPage)
	all := []client.Change{}
	for change, err := range c.Changes(ctx, wanted) {
		if err != nil {
			return nil, err
		}
		if len(all) == limit {
			s.warnOfMore("there are more changes than these %d", len(all))
			break
		}
		all = append(all, change)
	}
	return s.output.formatChanges(all), nil
}

// readChangePage returns one page as the server wrote it.
func (s *shared) readChangePage(ctx context.Context, c *client.Client, wanted client.ChangeOptions) ([]byte, error) {
	wanted.Limit = min(wanted.Limit, maxPage)
	page, err := c.ChangePage(ctx, wanted)
	if err != nil {
		return nil, err
	}
	if page.Next != "" {
		s.warnOfMore("there are more changes than the %d of this page", len(page.Changes))
	}
	return page.Raw, nil
}

func (o output) formatChanges(all []client.Change) []byte {
	if o.json {
		return formatJSON(all)
	}
	var rows [][]string
	if !o.quiet {
		rows = append(rows, []string{"REVISION", "TIME", "BY", "DID", "ID", "NAME", "CHANGES"})
	}
	for _, change := range all {
		row := []string{change.ID}
		if !o.quiet {
			r := recordOf(change)
			row = append(row, formatTime(change.Time), formatAuthor(change), string(r.Operation), r.Integration, r.Name, formatUpdates(&r))
		}
		rows = append(rows, row)
	}
	return formatTable(rows)
}

func formatAuthor(c client.Change) string {
	if c.UserIssuer == "" {
		return cmp.Or(c.UserID, "-")
	}
	return c.UserID + " (" + c.UserIssuer + ")"
}

// formatUpdates returns a name before a change, and the first entries that were added
// and removed.
func formatUpdates(r *store.Record) string {
	v := history.Read(r)
	var parts []string
	if r.Operation == store.Updated && v.OldName != v.NewName {
		parts = append(parts, fmt.Sprintf("renamed from %q", v.OldName))
	}
	if o := r.Omitted; o != nil {
		return strings.Join(append(parts, fmt.Sprintf("+%d and -%d origins, which were too many to keep", o.Added, o.Removed)), ", ")
	}
	var entries []string
	for _, entry := range v.Added {
		entries = append(entries, "+"+entry.Text)
	}
	for _, entry := range v.Removed {
		entries = append(entries, "-"+entry.Text)
	}
	if len(entries) > 0 {
		parts = append(parts, abridgeOrigins(entries))
	}
	return strings.Join(parts, ", ")
}

// recordOf returns a change as a record of a store.
func recordOf(c client.Change) store.Record {
	r := store.Record{
		ID: c.ID, Revision: c.Data.Revision, Time: c.Time, Tenant: c.TenantID, Integration: c.Data.ID, Name: c.Data.Name,
		Subject: c.UserID, Issuer: c.UserIssuer,
	}
	switch c.Type {
	case client.ChangeCreated:
		r.Operation = store.Created
	case client.ChangeUpdated:
		r.Operation = store.Updated
	case client.ChangeDeleted:
		r.Operation = store.Deleted
	}
	for _, u := range c.Data.Updates {
		r.Updates = append(r.Updates, store.Update(u))
	}
	if o := c.Data.Omitted; o != nil {
		r.Omitted = &store.Omitted{Added: o.Added, Removed: o.Removed}
	}
	return r
}
