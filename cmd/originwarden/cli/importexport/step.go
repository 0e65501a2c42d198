package importexport

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"originwarden/envelope/escape"
	"originwarden/store"
	"originwarden/store/transfer"
)

// stepName returns how messages name the web integration of a step.
func stepName(s transfer.Step) string {
	w := s.Is
	if s.Action == transfer.Delete {
		w = s.Was
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
		for _, line := range formatDifferences(&s.Was, &s.Is) {
			fmt.Fprintf(&text, "    %s\n", escape.Text(line))
		}
	}
	return text.Bytes()
}

// formatDifferences returns a line for each difference.
func formatDifferences(was, is *store.WebIntegration) (lines []string) {
	for _, field := range []struct{ name, was, is string }{
		{"name", strconv.Quote(was.Name), strconv.Quote(is.Name)},
		{"createdBy", strconv.Quote(was.CreatedBy), strconv.Quote(is.CreatedBy)},
		{"created", was.Created.Format(time.RFC3339), is.Created.Format(time.RFC3339)},
		{"lastUpdated", was.LastUpdated.Format(time.RFC3339), is.LastUpdated.Format(time.RFC3339)},
	} {
		if field.was != field.is {
			lines = append(lines, fmt.Sprintf("%s %s -> %s", field.name, field.was, field.is))
		}
	}
	added, removed := subtract(is.ValidOrigins, was.ValidOrigins), subtract(was.ValidOrigins, is.ValidOrigins)
	for _, entry := range added {
		lines = append(lines, "+"+entry)
	}
	for _, entry := range removed {
		lines = append(lines, "-"+entry)
	}
	if len(added)+len(removed) == 0 && !slices.Equal(was.ValidOrigins, is.ValidOrigins) {
		lines = append(lines, "the order of the origins")
	}
	return lines
}

// subtract returns the entries of list that are not in other, counting repeated
// ones.
func subtract(list, other []string) (rest []string) {
	count := map[string]int{}
	for _, entry := range other {
		count[entry]++
	}
	for _, entry := range list {
		if count[entry]--; count[entry] < 0 {
			rest = append(rest, entry)
		}
	}
	return rest
}
