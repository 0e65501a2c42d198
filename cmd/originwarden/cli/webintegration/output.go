package webintegration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/envelope/escape"
)

// output is the format of what a command prints: a table, unless one of these is
// set. All but raw escapes what is not printable.
type output struct{ quiet, raw, json bool }

func (o *output) defineFlags(cmd *cobra.Command, quiet string) {
	flags := cmd.PersistentFlags()
	flags.BoolVarP(&o.quiet, "quiet", "q", false, quiet)
	flags.BoolVar(&o.raw, "raw", false, "print the server's response, byte for byte")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("quiet", "raw", "json")
}

func (o output) formatList(all []client.WebIntegration) []byte {
	if o.json {
		return formatJSON(all)
	}
	var rows [][]string
	if !o.quiet {
		rows = append(rows, []string{"ID", "NAME", "ORIGINS", "UPDATED"})
	}
	for _, w := range all {
		row := []string{w.ID}
		if !o.quiet {
			row = append(row, w.Name, abridgeOrigins(w.ValidOrigins), formatTime(w.LastUpdated))
		}
		rows = append(rows, row)
	}
	return formatTable(rows)
}

func (o output) formatOne(w client.WebIntegration) []byte {
	switch {
	case o.raw:
		return w.Raw
	case o.json:
		return formatJSON(w)
	case o.quiet:
		return formatTable([][]string{{w.ID}})
	}
	rows := [][]string{
		{"ID", w.ID},
		{"NAME", w.Name},
		{"TENANT", w.TenantID},
		{"CREATED", formatTime(w.Created)},
		{"BY", w.CreatedBy},
		{"UPDATED", formatTime(w.LastUpdated)},
		{"ETAG", w.ETag},
	}
	title := "ORIGINS"
	for _, origin := range w.ValidOrigins {
		rows = append(rows, []string{title, origin})
		title = ""
	}
	return formatTable(rows)
}

// formatWrite formats the response to a write; done is what it did.
func (o output) formatWrite(done, id string, r client.Response) []byte {
	switch {
	case o.raw:
		return r.Raw
	case o.json:
		return formatJSON(struct {
			ID       string `json:"id"`
			Revision uint64 `json:"revision,omitempty"`
			ETag     string `json:"etag,omitempty"`
		}{id, r.Revision, r.ETag})
	case o.quiet:
		return formatTable([][]string{{id}})
	}
	text := done + " " + escape.Text(id)
	if r.Revision != 0 {
		text += ", in force from revision " + strconv.FormatUint(r.Revision, 10)
	}
	return []byte(text + "\n")
}

// abridgeOrigins returns the first origins, and how many more there are.
func abridgeOrigins(entries []string) string {
	const shown = 3
	text := strings.Join(entries[:min(len(entries), shown)], " ")
	if more := len(entries) - shown; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

// formatTime returns "" for the zero time.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// formatTable aligns the columns of rows.
func formatTable(rows [][]string) []byte {
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = escape.Text(cell)
		}
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	columns.Flush() // into memory
	return text.Bytes()
}

// formatJSON returns v as indented JSON that is printable.
func formatJSON(v any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil { // of strings, times and numbers
		panic(err)
	}
	return escape.JSON(text.Bytes())
}
