package apply

import (
	"fmt"
	"strings"

	"originwarden/cmd/originwarden/cli/listfile"
	"originwarden/envelope/escape"
)

// The signs before the name of a web integration.
const (
	created = "+"
	changed = "~"
	deleted = "-"
)

// formatDiff returns a line with the name of a web integration, and one for each
// origin that is added or removed.
func formatDiff(sign, name string, before, after []string) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\n", sign, listfile.Quote(name))
	for _, entry := range listfile.Subtract(after, before) {
		fmt.Fprintf(&text, "    + %s\n", escape.Text(entry))
	}
	for _, entry := range listfile.Subtract(before, after) {
		fmt.Fprintf(&text, "    - %s\n", escape.Text(entry))
	}
	return []byte(text.String())
}

// diff returns what the change does to the server.
func (c *change) diff() []byte {
	switch {
	case c.delete:
		return formatDiff(deleted, c.name, c.before, nil)
	case c.id == "":
		return formatDiff(created, c.name, nil, c.wanted)
	}
	return formatDiff(changed, c.name, c.before, c.after(c.before, nil))
}

// tally counts web integrations.
type tally struct{ created, changed, deleted, unchanged, others int }

func (t tally) String() string {
	text := fmt.Sprintf("%d created, %d changed, %d deleted, %d unchanged", t.created, t.changed, t.deleted, t.unchanged)
	if t.others > 0 {
		text += fmt.Sprintf("; %d not in the files, which --prune would delete", t.others)
	}
	return text
}
