package webintegration

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/envelope/escape"
)

// NewRefused returns the command refused.
func NewRefused(env command.Environment) *cobra.Command {
	s := &shared{env: env}
	var q refusedQuery
	cmd := &cobra.Command{
		Use:   "refused",
		Short: "Print the origins that a tenant's gateways have refused",
		Long: "Print the origins that a tenant's gateways have refused, the latest first, and the\n" +
			"nearest origin that the tenant lists. In the modes headers and report, these are the\n" +
			"origins that enforce would have refused. What another gateway refused in the last ten\n" +
			"seconds may be missing. ORIGINWARDEN_SERVER is the URL of the tenant's host,\n" +
			"ORIGINWARDEN_TOKEN an administrator's token.",
		Example: "  originwarden refused --since 24h\n" +
			"  originwarden refused --reason origin_not_listed --quiet\n" +
			"  originwarden refused dismiss https://strange.example",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := q.parse(time.Now())
			if err != nil {
				return err
			}
			return s.call("reading the refused origins", func(c *client.Client) ([]byte, error) {
				refused, err := c.RefusedOrigins(cmd.Context(), query)
				if refused.Partial {
					fmt.Fprintln(s.env.Stderr, "originwarden: the gateway cannot read its store: this is only what it has refused itself, and not written there yet")
				}
				return s.output.formatRefused(refused), err
			})
		},
	}
	s.flags.Define(cmd)
	s.output.defineFlags(cmd, "print origins only")
	cmd.Flags().StringVar(&q.since, "since", "", "only those whose last request was at this time or later: 2026-01-02T15:04:05Z, or a duration such as 24h")
	cmd.Flags().StringVar(&q.reason, "reason", "", "only those of this reason")
	cmd.Flags().BoolVar(&q.dismissed, "dismissed", false, "only those that are dismissed")
	cmd.AddCommand(
		s.newDismissal("dismiss", "Leave an origin out of the list, which is rightly refused", "dismissed", (*client.Client).DismissRefused),
		s.newDismissal("restore", "Undo the dismissal of an origin", "restored", (*client.Client).RestoreRefused),
	)
	return cmd
}

// refusedQuery is a client.RefusedQuery as flags.
type refusedQuery struct {
	since, reason string
	dismissed     bool
}

func (q *refusedQuery) parse(now time.Time) (client.RefusedQuery, error) {
	parsed := client.RefusedQuery{Reason: q.reason}
	if q.dismissed {
		parsed.Dismissed = "true"
	}
	if q.since == "" {
		return parsed, nil
	}
	since, err := time.Parse(time.RFC3339, q.since)
	if err != nil {
		age, notDuration := time.ParseDuration(q.since)
		if notDuration != nil || age < 0 {
			return parsed, fmt.Errorf("--since %q is neither a time such as 2026-01-02T15:04:05Z nor a duration such as 24h", q.since)
		}
		since = now.Add(-age)
	}
	parsed.Since = since
	return parsed, nil
}

func (s *shared) newDismissal(name, short, done string, call func(*client.Client, context.Context, string) error) *cobra.Command {
	doing := strings.TrimSuffix(done, "ed") + "ing "
	return &cobra.Command{
		Use:     name + " ORIGIN",
		Short:   short,
		Example: "  originwarden refused " + name + " https://strange.example",
		Args:    command.Arguments(1, 1, "ORIGIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.call(doing+args[0], func(c *client.Client) ([]byte, error) {
				err := call(c, cmd.Context(), args[0])
				return s.output.formatDismissal(done, args[0]), err
			})
		},
	}
}

func (o output) formatDismissal(done, origin string) []byte {
	switch {
	case o.raw:
		return nil
	case o.json:
		return formatJSON(struct {
			Origin string `json:"origin"`
		}{origin})
	case o.quiet:
		return formatTable([][]string{{origin}})
	}
	return []byte(done + " " + escape.Text(origin) + "\n")
}

func (o output) formatRefused(all client.RefusedOrigins) []byte {
	switch {
	case o.raw:
		return all.Raw
	case o.json:
		return formatJSON(all.Data)
	}
	var rows [][]string
	if !o.quiet {
		rows = append(rows, []string{"ORIGIN", "REASON", "COUNT", "LAST", "PATH", "NEAREST"})
	}
	seen := map[string]bool{}
	for _, r := range all.Data {
		switch {
		case !o.quiet:
			rows = append(rows, []string{r.Origin, r.Reason, strconv.FormatUint(r.Count, 10), formatTime(r.Last), r.Path, formatNearest(r)})
		case !seen[r.Origin]:
			seen[r.Origin] = true
			rows = append(rows, []string{r.Origin})
		}
	}
	return formatTable(rows)
}

// formatNearest returns what is nearest to a refused origin: the tenant's host,
// an entry of its list, or both.
func formatNearest(r client.RefusedOrigin) string {
	if r.Listed {
		return "listed by now"
	}
	var all []string
	if r.OwnHost {
		all = append(all, "the tenant's host (public_origins)")
	}
	if n := r.Nearest; n != nil {
		all = append(all, fmt.Sprintf("%s (%s)", n.Origin, strings.ReplaceAll(n.Relation, "_", " ")))
	}
	return strings.Join(all, ", ")
}
