package changes

import (
	"context"

	"originwarden/api/undo"
	"originwarden/store"
)

// CodeImpossible is the code of the API's errors that say why nothing can be undone.
const CodeImpossible = undo.CodeImpossible

// Plan is what undoes a change, as a page shows it.
type Plan struct {
	*undo.Plan
	Change Change
	// Conflict names the later changes that would be undone too, and Impossible says
	// why nothing can be undone; or "".
	Conflict, Impossible string
	// Removes and Adds are the first entries that the write would remove and add, and
	// More is the number of the others.
	Removes, Adds []string
	More          int
}

// NewPlan plans to undo the change of a tenant that has an id. The error is
// store.ErrNotFound if the history does not have it.
func NewPlan(ctx context.Context, s store.Store, tenant, id string) (*Plan, error) {
	planned, err := undo.NewPlan(ctx, s, tenant, id)
	if err != nil {
		return nil, err
	}
	p := &Plan{Plan: planned, Change: New(planned.Record)}
	if planned.Conflict != nil {
		p.Conflict = planned.Conflict.Error()
	}
	if planned.Impossible != nil {
		p.Impossible = planned.Impossible.Error()
	}
	removes, adds := planned.Removed(), planned.Added()
	p.More = max(0, len(removes)-shownEntries) + max(0, len(adds)-shownEntries)
	p.Removes, p.Adds = removes[:min(len(removes), shownEntries)], adds[:min(len(adds), shownEntries)]
	return p, nil
}
