package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
)

// newRefused is the command that prints which origins were refused.
func newRefused(env Environment) *cobra.Command {
	w := &webIntegrations{env: env}
	cmd := &cobra.Command{
		Use:   "refused",
		Short: "Print the origins that a tenant's gateway has refused of late",
		Long: "Print the origins that a tenant's gateway has refused of late, the latest first, and\n" +
			"what the tenant lists nearest to each. In the modes headers and report, these are what\n" +
			"enforce would have refused. Every gateway tells what it has refused itself.\n" +
			"ORIGINWARDEN_SERVER is the URL of the tenant's host, ORIGINWARDEN_TOKEN a token of an\n" +
			"administrator.",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := w.client()
			if err != nil {
				return err
			}
			refused, answer, err := c.RefusedOrigins(cmd.Context())
			if err != nil {
				return told("reading the refused origins", err)
			}
			return w.env.Print(w.showing.refused(refused, answer))
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&w.server, "server", "s", "", "the URL of the tenant's host (default: ORIGINWARDEN_SERVER)")
	flags.StringVar(&w.tokenFile, "token-file", "", "a file that holds the token (default: ORIGINWARDEN_TOKEN is the token)")
	w.connection.flags(flags)
	w.connection.exclude(cmd)
	flags.BoolVarP(&w.showing.ids, "quiet", "q", false, "print origins only")
	flags.BoolVar(&w.showing.raw, "raw", false, "print the server's answer, byte for byte")
	flags.BoolVar(&w.showing.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("quiet", "raw", "json")
	return cmd
}

// refused shows refused origins.
func (s showing) refused(all []client.RefusedOrigin, answer client.Response) []byte {
	switch {
	case s.raw:
		return answer.Raw
	case s.json:
		return indented(all)
	}
	var rows [][]string
	if !s.ids {
		rows = append(rows, []string{"ORIGIN", "REASON", "COUNT", "LAST", "PATH", "NEAREST"})
	}
	seen := map[string]bool{}
	for _, r := range all {
		switch {
		case !s.ids:
			rows = append(rows, []string{r.Origin, r.Reason, strconv.FormatUint(r.Count, 10), moment(r.Last), r.Path, near(r)})
		case !seen[r.Origin]:
			seen[r.Origin] = true
			rows = append(rows, []string{r.Origin})
		}
	}
	return table(rows)
}

// near tells what the tenant has near to a refused origin: itself, or an entry.
func near(r client.RefusedOrigin) string {
	var all []string
	if r.OwnHost {
		all = append(all, "the tenant's host (public_origins)")
	}
	if n := r.Nearest; n != nil {
		all = append(all, fmt.Sprintf("%s (%s)", n.Origin, strings.ReplaceAll(n.Relation, "_", " ")))
	}
	return strings.Join(all, ", ")
}
