package main

import (
	"cmp"
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

// usualLimit is how many the API lists if it is not told.
const usualLimit = 10

// printList prints as many as l.Limit is, or as the API lists if that is 0. With
// raw it prints one page.
func (w *webIntegrations) printList(ctx context.Context, c *client.Client, l client.Listing) error {
	wanted := cmp.Or(l.Limit, usualLimit)
	l.Limit = min(l.Limit, maxPage)
	if w.showing.raw {
		page, err := c.Page(ctx, l)
		if err != nil {
			return told("listing web integrations", err)
		}
		return w.print(page.Raw)
	}
	read := firstOf
	if l.EndingBefore != "" {
		read = lastOf
	}
	all, err := read(ctx, c, l, wanted)
	if err != nil {
		return told("listing web integrations", err)
	}
	return w.print(w.showing.several(all))
}

// firstOf reads as many as are wanted, from the first page on: one page may have
// fewer than it was asked for.
func firstOf(ctx context.Context, c *client.Client, l client.Listing, wanted int) ([]client.WebIntegration, error) {
	all := []client.WebIntegration{}
	for page, err := range c.Pages(ctx, l) {
		if err != nil {
			return nil, err
		}
		if all = append(all, page.WebIntegrations...); len(all) >= wanted {
			break
		}
	}
	return all[:min(len(all), wanted)], nil
}

// lastOf reads as many as are wanted, from the last page back.
func lastOf(ctx context.Context, c *client.Client, l client.Listing, wanted int) ([]client.WebIntegration, error) {
	all := []client.WebIntegration{}
	for {
		page, err := c.Page(ctx, l)
		if err != nil {
			return nil, err
		}
		all = append(page.WebIntegrations, all...)
		if page.Prev == "" || len(page.WebIntegrations) == 0 || len(all) >= wanted {
			return all[max(0, len(all)-wanted):], nil
		}
		l.EndingBefore = all[0].ID
	}
}
