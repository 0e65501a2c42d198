package importexport

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"originwarden/cmd/originwarden/cli/listfile"
	"originwarden/envelope/escape"
	"originwarden/store"
	"originwarden/store/transfer"
)

// stepName returns how messages name the web integration of a step.
func stepName(s transfer.Step) string {
	w := s.After
	if s.Action == transfer.Delete {
		w = s.Before
	}
	name := w.TenantID + " " + strconv.Quote(w.Name)
	if w.ID != "" {
		name += " " + w.ID
	}
	return name
}

// formatStep returns the lines that a dry run prints for a step: none if the web
// integration stays unchanged.
func formatStep(s transfer.Step) []byte {
	if s.Action == transfer.Keep {
		return nil
	}
	sign := map[transfer.Action]string{transfer.Create: "+", transfer.Change: "~", transfer.Delete: "-", transfer.Ambiguous: "!"}[s.Action]
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s\n", sign, escape.Text(stepName(s)))
	if s.Action == transfer.Change {
		for _, line := range formatDifferences(&s.Before, &s.After) {
			fmt.Fprintf(&text, "    %s\n", escape.Text(line))
		}
	}
	return text.Bytes()
}

// formatDifferences returns a line for each difference.
func formatDifferences(before, after *store.WebIntegration) (lines []string) {
	for _, field := range []struct{ name, before, after string }{
		{"name", strconv.Quote(before.Name), strconv.Quote(after.Name)},
		{"createdBy", strconv.Quote(before.CreatedBy), strconv.Quote(after.CreatedBy)},
		{"created", before.Created.Format(time.RFC3339), after.Created.Format(time.RFC3339)},
		{"lastUpdated", before.LastUpdated.Format(time.RFC3339), after.LastUpdated.Format(time.RFC3339)},
	} {
		if field.before != field.after {
			lines = append(lines, fmt.Sprintf("%s %s -> %s", field.name, field.before, field.after))
		}
	}
	added, removed := listfile.Subtract(after.ValidOrigins, before.ValidOrigins), listfile.Subtract(before.ValidOrigins, after.ValidOrigins)
	for _, entry := range added {
		lines = append(lines, "+"+entry)
	}
	for _, entry := range removed {
		lines = append(lines, "-"+entry)
	}
	if len(added)+len(removed) == 0 && !slices.Equal(before.ValidOrigins, after.ValidOrigins) {
		lines = append(lines, "the order of the origins")
	}
	return lines
}
