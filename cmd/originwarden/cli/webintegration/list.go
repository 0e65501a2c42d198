package webintegration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
)

// maxPage is the size of the API's largest page.
const maxPage = 100

func (s *shared) newList() *cobra.Command {
	var wanted client.ListOptions
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "Print the tenant's web integrations",
		Example: "  originwarden web-integration ls --limit 10\n" +
			"  originwarden web-integration ls --origin https://shop.example\n" +
			"  originwarden web-integration ls --q localhost",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("limit") && wanted.Limit < 1 {
				return errors.New("--limit must be at least 1")
			}
			return s.call("listing web integrations", func(c *client.Client) ([]byte, error) {
				if s.output.raw {
					return s.readPage(cmd.Context(), c, wanted)
				}
				return s.readList(cmd.Context(), c, wanted)
			})
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&wanted.Limit, "limit", 0, "how many to print at most, over several pages if need be (default: all); with --raw it is one page")
	flags.StringVar(&wanted.Sort, "sort", "", "the order: name, +name or -name")
	flags.StringVar(&wanted.StartingAfter, "startingAfter", "", "begin after the web integration of this id")
	flags.StringVar(&wanted.EndingBefore, "endingBefore", "", "end before the web integration of this id")
	flags.StringVar(&wanted.Origin, "origin", "", "only those that list this origin, by name or by a pattern")
	flags.StringVar(&wanted.Text, "q", "", "only those with this text in their name or in an origin, in any case")
	flags.StringVar(&wanted.TenantID, "tenantId", "", "only those of the tenant of this id")
	return cmd
}

// readList returns as many as wanted.Limit, or all if that is 0, and warns of
// those that it leaves out.
func (s *shared) readList(ctx context.Context, c *client.Client, wanted client.ListOptions) ([]byte, error) {
	limit := cmp.Or(wanted.Limit, math.MaxInt)
	wanted.Limit = min(limit, maxPage)
	read := readFirst
	if wanted.EndingBefore != "" {
		read = readLast
	}
	all, more, err := read(ctx, c, wanted, limit)
	if more {
		s.warnOfMore(thereMayBeMore(wanted)+" web integrations than these %d; without --limit all are printed", len(all))
	}
	return s.output.formatList(all), err
}

// readPage returns one page as the server wrote it.
func (s *shared) readPage(ctx context.Context, c *client.Client, wanted client.ListOptions) ([]byte, error) {
	wanted.Limit = min(wanted.Limit, maxPage)
	page, err := c.Page(ctx, wanted)
	if err != nil {
		return nil, err
	}
	further := page.Next
	if wanted.EndingBefore != "" {
		further = page.Prev
	}
	if further != "" {
		s.warnOfMore(thereMayBeMore(wanted)+" web integrations than the %d of this page", len(page.WebIntegrations))
	}
	return page.Raw, nil
}

// thereMayBeMore returns what a further page means: that of a search can be empty.
func thereMayBeMore(wanted client.ListOptions) string {
	if wanted.Origin+wanted.Text != "" {
		return "there may be more"
	}
	return "there are more"
}

func (s *shared) warnOfMore(format string, shown int) {
	fmt.Fprintf(s.env.Stderr, "originwarden: "+format+"\n", shown)
}

// readFirst reads at most limit web integrations, from the first page on, and
// reports whether there are more. A page may have fewer than were asked for.
func readFirst(ctx context.Context, c *client.Client, wanted client.ListOptions, limit int) (all []client.WebIntegration, more bool, err error) {
	all = []client.WebIntegration{}
	for page, err := range c.Pages(ctx, wanted) {
		if err != nil {
			return nil, false, err
		}
		if all = append(all, page.WebIntegrations...); len(all) >= limit {
			more = page.Next != "" || len(all) > limit
			break
		}
	}
	return all[:min(len(all), limit)], more, nil
}

// readLast reads at most limit web integrations, from the last page back, and
// reports whether there are more.
func readLast(ctx context.Context, c *client.Client, wanted client.ListOptions, limit int) (all []client.WebIntegration, more bool, err error) {
	all = []client.WebIntegration{}
	for {
		page, err := c.Page(ctx, wanted)
		if err != nil {
			return nil, false, err
		}
		all = append(page.WebIntegrations, all...)
		cursor := previousCursor(page, wanted)
		if cursor == "" || len(all) >= limit {
			surplus := max(0, len(all)-limit)
			return all[surplus:], surplus > 0 || page.Prev != "", nil
		}
		wanted.EndingBefore = cursor
	}
}

// previousCursor returns the cursor of the page before, or "" if there is none or it
// would be the same again. A page of a search may be empty and have one nevertheless.
func previousCursor(page *client.Page, wanted client.ListOptions) string {
	link, err := url.Parse(page.Prev)
	if err != nil || page.Prev == "" {
		return ""
	}
	cursor := ""
	if len(page.WebIntegrations) > 0 {
		cursor = page.WebIntegrations[0].ID
	}
	if wanted.Origin+wanted.Text != "" {
		cursor = link.Query().Get("endingBefore")
	}
	if cursor == wanted.EndingBefore {
		return ""
	}
	return cursor
}
