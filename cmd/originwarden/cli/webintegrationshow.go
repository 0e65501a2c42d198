package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/escape"
)

// showing is how the answers of a server are shown: in a table, unless one of
// these is set. All but what is raw is printable, whatever the server sends.
type showing struct{ ids, raw, json bool }

// several shows web integrations.
func (s showing) several(all []client.WebIntegration) []byte {
	if s.json {
		return indented(all)
	}
	var rows [][]string
	if !s.ids {
		rows = append(rows, []string{"ID", "NAME", "ORIGINS", "UPDATED"})
	}
	for _, w := range all {
		row := []string{w.ID}
		if !s.ids {
			row = append(row, w.Name, abridged(w.ValidOrigins), moment(w.LastUpdated))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

// one shows a web integration.
func (s showing) one(w client.WebIntegration) []byte {
	switch {
	case s.raw:
		return w.Raw
	case s.json:
		return indented(w)
	case s.ids:
		return table([][]string{{w.ID}})
	}
	rows := [][]string{
		{"ID", w.ID},
		{"NAME", w.Name},
		{"TENANT", w.TenantID},
		{"CREATED", moment(w.Created)},
		{"BY", w.CreatedBy},
		{"UPDATED", moment(w.LastUpdated)},
		{"ETAG", w.ETag},
	}
	title := "ORIGINS"
	for _, origin := range w.ValidOrigins {
		rows = append(rows, []string{title, origin})
		title = ""
	}
	return table(rows)
}

// write shows that a web integration was written.
func (s showing) write(done, id string, a client.Response) []byte {
	switch {
	case s.raw:
		return a.Raw
	case s.json:
		return indented(struct {
			ID       string `json:"id"`
			Revision uint64 `json:"revision,omitempty"`
			ETag     string `json:"etag,omitempty"`
		}{id, a.Revision, a.ETag})
	case s.ids:
		return table([][]string{{id}})
	}
	text := done + " " + escape.Text(id)
	if a.Revision != 0 {
		text += ", in force from revision " + strconv.FormatUint(a.Revision, 10)
	}
	return []byte(text + "\n")
}

// shownOrigins is how many origins there are in a line.
const shownOrigins = 3

func abridged(entries []string) string {
	text := strings.Join(entries[:min(len(entries), shownOrigins)], " ")
	if more := len(entries) - shownOrigins; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

// moment is a time, or nothing where the server has said none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// table aligns the columns of rows.
func table(rows [][]string) []byte {
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

// indented is v as JSON that is printable.
func indented(v any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil { // of strings, times and numbers
		panic(err)
	}
	return escape.JSON(text.Bytes())
}

// told returns why a command could not do its work. A server that is none is a
// mistake in how it was called.
func told(doing string, err error) error {
	if errors.Is(err, client.ErrInvalidServer) {
		return err
	}
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || len(refused.Errors) == 0 {
		return command.Failed(errors.New(escape.Text(doing + ": " + err.Error())))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d %s", escape.Text(doing), refused.Status, http.StatusText(refused.Status))
	for _, problem := range refused.Errors {
		text.WriteString("\n  " + problem.String())
	}
	if refused.TraceID != "" {
		text.WriteString("\n  trace id " + escape.Text(refused.TraceID))
	}
	return command.Failed(errors.New(text.String()))
}
