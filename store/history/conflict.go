package history

import (
	"fmt"
	"strings"

	"originwarden/store"
)

// maxConflicts is how many conflicts the text of a ConflictError names.
const maxConflicts = 10

// ConflictError says that later changes would be undone too.
type ConflictError struct {
	Conflicts []Conflict // all of them, at least one
}

// Conflict is something that was changed again.
type Conflict struct {
	What string // the origin, or "the name" or "the web integration"
	// By is the last change that conflicts. Its zero value is one that the history
	// does not have.
	By store.Record
}

// Error names the first conflicts, and the number and the last revision of the others,
// so that the text is another one if there is a new conflict.
func (e *ConflictError) Error() string {
	first := e.Conflicts[:min(len(e.Conflicts), maxConflicts)]
	others := e.Conflicts[len(first):]
	texts := make([]string, len(first))
	for i := range first {
		texts[i] = first[i].Text()
	}
	if len(others) > 0 {
		var last store.Record
		for _, c := range others {
			if c.By.Revision >= last.Revision {
				last = c.By
			}
		}
		texts = append(texts, fmt.Sprintf("and %d others, the last at revision %s", len(others), last.ID))
	}
	return strings.Join(texts, "; ")
}

// Text says what was changed again, by whom, and at which revision.
func (c *Conflict) Text() string {
	text := c.What + " was changed again later"
	if c.By.ID != "" {
		text += ", at revision " + c.By.ID
	}
	if c.By.Subject != "" {
		text += fmt.Sprintf(" by %q", c.By.Subject)
	}
	return text
}
