package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
)

// maxPage is the most that the API has on one page.
const maxPage = 100

// list is the command that prints a tenant's web integrations.
func (w *webIntegrations) list() *cobra.Command {
	var l client.ListOptions
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "Print the tenant's web integrations",
		Args:  command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("limit") && l.Limit < 1 {
				return errors.New("--limit: it is at least 1")
			}
			c, err := w.client()
			if err != nil {
				return err
			}
			return w.printList(cmd.Context(), c, l)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&l.Limit, "limit", 0, "how many to print at most, over several pages if need be (default: all); with --raw it is one page")
	flags.StringVar(&l.Sort, "sort", "", "the order: name, +name or -name")
	flags.StringVar(&l.StartingAfter, "startingAfter", "", "begin behind the web integration of this id")
	flags.StringVar(&l.EndingBefore, "endingBefore", "", "end before the web integration of this id")
	flags.StringVar(&l.TenantID, "tenantId", "", "only those of the tenant of this id")
	return cmd
}

// listed are web integrations that a server has, and whether it has more.
type listed struct {
	all  []client.WebIntegration
	more bool
}

// printList prints as many as l.Limit is, or all if that is 0. With raw it prints
// one page. What is left out is not left out silently.
func (w *webIntegrations) printList(ctx context.Context, c *client.Client, l client.ListOptions) error {
	if w.showing.raw {
		return w.printPage(ctx, c, l)
	}
	wanted := cmp.Or(l.Limit, math.MaxInt)
	l.Limit = min(wanted, maxPage)
	read := firstOf
	if l.EndingBefore != "" {
		read = lastOf
	}
	found, err := read(ctx, c, l, wanted)
	if err != nil {
		return told("listing web integrations", err)
	}
	if found.more {
		w.tellOfMore("there are more web integrations than these %d; without --limit all are printed", len(found.all))
	}
	return w.env.Print(w.showing.several(found.all))
}

// printPage prints one page as the server wrote it.
func (w *webIntegrations) printPage(ctx context.Context, c *client.Client, l client.ListOptions) error {
	l.Limit = min(l.Limit, maxPage)
	page, err := c.Page(ctx, l)
	if err != nil {
		return told("listing web integrations", err)
	}
	beyond := page.Next
	if l.EndingBefore != "" {
		beyond = page.Prev
	}
	if beyond != "" {
		w.tellOfMore("there are more web integrations than the %d of this page", len(page.WebIntegrations))
	}
	return w.env.Print(page.Raw)
}

func (w *webIntegrations) tellOfMore(format string, shown int) {
	fmt.Fprintf(w.env.Stderr, "originwarden: "+format+"\n", shown)
}

// firstOf reads as many as are wanted, from the first page on: one page may have
// fewer than it was asked for.
func firstOf(ctx context.Context, c *client.Client, l client.ListOptions, wanted int) (listed, error) {
	found := listed{all: []client.WebIntegration{}}
	for page, err := range c.Pages(ctx, l) {
		if err != nil {
			return listed{}, err
		}
		if found.all = append(found.all, page.WebIntegrations...); len(found.all) >= wanted {
			found.more = page.Next != "" || len(found.all) > wanted
			break
		}
	}
	found.all = found.all[:min(len(found.all), wanted)]
	return found, nil
}

// lastOf reads as many as are wanted, from the last page back.
func lastOf(ctx context.Context, c *client.Client, l client.ListOptions, wanted int) (listed, error) {
	all := []client.WebIntegration{}
	for {
		page, err := c.Page(ctx, l)
		if err != nil {
			return listed{}, err
		}
		all = append(page.WebIntegrations, all...)
		if page.Prev == "" || len(page.WebIntegrations) == 0 || len(all) >= wanted {
			left := max(0, len(all)-wanted)
			return listed{all[left:], left > 0 || page.Prev != ""}, nil
		}
		l.EndingBefore = all[0].ID
	}
}
