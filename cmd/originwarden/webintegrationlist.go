package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"originwarden/api/client"
)

// maxPage is the most that the API has on one page.
const maxPage = 100

// list is the command that prints a tenant's web integrations.
func (w *webIntegrations) list() *cobra.Command {
	var l client.Listing
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "Print the tenant's web integrations",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("limit") && l.Limit < 1 {
				return errors.New("--limit: it is at least 1")
			}
			if l.EndingBefore != "" && l.Limit > maxPage {
				return errors.New("--limit: with --endingBefore it is at most 100")
			}
			c, err := w.client()
			if err != nil {
				return err
			}
			return w.printList(cmd.Context(), c, l)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&l.Limit, "limit", 0, "how many to print at most, over several pages if need be (default: the server's, which is 10); with --raw one page")
	flags.StringVar(&l.Sort, "sort", "", "the order: name, +name or -name")
	flags.StringVar(&l.StartingAfter, "startingAfter", "", "begin behind the web integration of this id")
	flags.StringVar(&l.EndingBefore, "endingBefore", "", "end before the web integration of this id")
	flags.StringVar(&l.TenantID, "tenantId", "", "only those of the tenant of this id")
	return cmd
}

// printList prints as many as l.Limit is, or if that is 0, one page.
func (w *webIntegrations) printList(ctx context.Context, c *client.Client, l client.Listing) error {
	wanted := l.Limit
	l.Limit = min(l.Limit, maxPage)
	all := []client.WebIntegration{}
	for page, err := range c.Pages(ctx, l) {
		if err != nil {
			return told("listing web integrations", err)
		}
		if w.showing.raw {
			return w.print(page.Raw)
		}
		all = append(all, page.WebIntegrations...)
		if len(all) >= wanted {
			break
		}
	}
	if wanted > 0 {
		all = all[:min(len(all), wanted)]
	}
	return w.print(w.showing.several(all))
}
