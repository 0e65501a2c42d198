package webintegration

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
)

// NewRefused returns the command refused.
func NewRefused(env command.Environment) *cobra.Command {
	s := &shared{env: env}
	cmd := &cobra.Command{
		Use:   "refused",
		Short: "Print the origins that a tenant's gateway has refused recently",
		Long: "Print the origins that a tenant's gateway has refused recently, the latest first, and\n" +
			"the nearest origin that the tenant lists. In the modes headers and report, these are\n" +
			"the origins that enforce would have refused. A gateway reports only what it refused\n" +
			"itself. ORIGINWARDEN_SERVER is the URL of the tenant's host, ORIGINWARDEN_TOKEN an\n" +
			"administrator's token.",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.call("reading the refused origins", func(c *client.Client) ([]byte, error) {
				refused, response, err := c.RefusedOrigins(cmd.Context())
				return s.output.formatRefused(refused, response), err
			})
		},
	}
	s.flags.Define(cmd)
	s.output.defineFlags(cmd, "print origins only")
	return cmd
}

func (o output) formatRefused(all []client.RefusedOrigin, response client.Response) []byte {
	switch {
	case o.raw:
		return response.Raw
	case o.json:
		return formatJSON(all)
	}
	var rows [][]string
	if !o.quiet {
		rows = append(rows, []string{"ORIGIN", "REASON", "COUNT", "LAST", "PATH", "NEAREST"})
	}
	seen := map[string]bool{}
	for _, r := range all {
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
	var all []string
	if r.OwnHost {
		all = append(all, "the tenant's host (public_origins)")
	}
	if n := r.Nearest; n != nil {
		all = append(all, fmt.Sprintf("%s (%s)", n.Origin, strings.ReplaceAll(n.Relation, "_", " ")))
	}
	return strings.Join(all, ", ")
}
