package webintegration

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/envelope/escape"
)

func (s *shared) newAddOrigin() *cobra.Command {
	return &cobra.Command{
		Use:        "add-origin ID ORIGIN...",
		SuggestFor: []string{"add", "allow", "add-origins"},
		Short:      "Add origins to a web integration",
		Long: "Add origins to a web integration, all of them or none. Those that are listed already,\n" +
			"also in another form, stay as they are. Others may change the web integration at the\n" +
			"same time: nothing of what they write is lost.",
		Example: "  originwarden web-integration add-origin ID https://shop.example http://localhost:3000",
		Args:    command.Arguments(2, 0, "ID ORIGIN..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.call("adding origins to "+args[0], func(c *client.Client) ([]byte, error) {
				made, err := c.EditOrigins(cmd.Context(), args[0], args[1:], nil)
				return s.output.formatEdit(args[0], made, " is listed already"), err
			})
		},
	}
}

func (s *shared) newRemoveOrigin() *cobra.Command {
	return &cobra.Command{
		Use:        "remove-origin ID ORIGIN...",
		SuggestFor: []string{"remove-origins", "rm-origin"},
		Short:      "Remove origins from a web integration",
		Long: "Remove origins from a web integration, in whatever form they are listed. A pattern that\n" +
			"lists an origin stays; remove it as it is written. Others may change the web\n" +
			"integration at the same time: nothing of what they write is lost.",
		Example: "  originwarden web-integration remove-origin ID https://shop.example",
		Args:    command.Arguments(2, 0, "ID ORIGIN..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.call("removing origins from "+args[0], func(c *client.Client) ([]byte, error) {
				made, err := c.EditOrigins(cmd.Context(), args[0], nil, args[1:])
				return s.output.formatEdit(args[0], made, " has no entry"), err
			})
		},
	}
}

// formatEdit formats what became of origins; unchanged is what to say of those that
// were left as they were.
func (o output) formatEdit(id string, made client.OriginsEdit, unchanged string) []byte {
	switch {
	case o.raw:
		return made.Raw
	case o.json:
		return formatJSON(struct {
			ID string `json:"id"`
			client.OriginsEdit
			Revision uint64 `json:"revision,omitempty"`
			ETag     string `json:"etag,omitempty"`
		}{id, made, made.Revision, made.ETag})
	case o.quiet:
		return formatTable([][]string{{id}})
	}
	var lines []string
	if len(made.Added) > 0 {
		lines = append(lines, "added "+strings.Join(made.Added, ", ")+" to "+id)
	}
	if len(made.Removed) > 0 {
		lines = append(lines, "removed "+strings.Join(made.Removed, ", ")+" from "+id)
	}
	for i := range lines {
		if made.Revision != 0 {
			lines[i] += ", in force from revision " + strconv.FormatUint(made.Revision, 10)
		}
	}
	for _, origin := range made.Unchanged {
		lines = append(lines, origin+unchanged)
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(escape.Text(line) + "\n")
	}
	return []byte(text.String())
}
