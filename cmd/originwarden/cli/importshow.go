package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"originwarden/escape"
	"originwarden/store"
	"originwarden/store/transfer"
)

// stepName is how messages call the web integration of a step.
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

// shownStep is what a dry run prints of a step: nothing of what is kept.
func shownStep(s transfer.Step) []byte {
	if s.Action == transfer.Keep {
		return nil
	}
	mark := map[transfer.Action]string{transfer.Create: "+", transfer.Change: "~", transfer.Delete: "-", transfer.Ambiguous: "!"}[s.Action]
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s\n", mark, escape.Text(stepName(s)))
	if s.Action == transfer.Change {
		for _, line := range differences(&s.Was, &s.Is) {
			fmt.Fprintf(&text, "    %s\n", escape.Text(line))
		}
	}
	return text.Bytes()
}

// differences are lines that say how one becomes the other.
func differences(was, is *store.WebIntegration) (lines []string) {
	from, to := described(was), described(is)
	for i, name := range []string{"name", "createdBy", "created", "lastUpdated"} {
		if from[i] != to[i] {
			lines = append(lines, fmt.Sprintf("%s %s -> %s", name, from[i], to[i]))
		}
	}
	added, removed := beyond(is.ValidOrigins, was.ValidOrigins), beyond(was.ValidOrigins, is.ValidOrigins)
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

func described(w *store.WebIntegration) [4]string {
	return [4]string{strconv.Quote(w.Name), strconv.Quote(w.CreatedBy), w.Created.Format(time.RFC3339), w.LastUpdated.Format(time.RFC3339)}
}

// beyond returns the entries that come more often in a list than in another.
func beyond(list, other []string) (more []string) {
	have := map[string]int{}
	for _, entry := range other {
		have[entry]++
	}
	for _, entry := range list {
		if have[entry]--; have[entry] < 0 {
			more = append(more, entry)
		}
	}
	return more
}
