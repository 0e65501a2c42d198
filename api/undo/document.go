package undo

import (
	"fmt"

	"originwarden/envelope"
	"originwarden/store"
)

// Document is what an undo did, or would do.
type Document struct {
	// Operation is created, updated or deleted.
	Operation store.Operation `json:"operation"`
	// ID is that of the web integration. One that is created again has another id than
	// before, and none yet if nothing was done.
	ID string `json:"id,omitempty"`
	// Name is that after the operation, or before the deletion.
	Name    string   `json:"name"`
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
}

// Document returns the document of a plan.
func (p *Plan) Document() Document {
	d := Document{
		Operation: p.Undo.Operation, Name: p.Undo.Name,
		Added: append([]string{}, p.Added()...), Removed: append([]string{}, p.Removed()...),
	}
	if d.Operation != store.Created {
		d.ID = p.Current.ID
	}
	if d.Operation == store.Deleted {
		d.Name = p.Current.Name
	}
	return d
}

// The codes of Problems.
const (
	CodeConflict   = "UNDO_CONFLICT"
	CodeImpossible = "UNDO_IMPOSSIBLE"
)

// maxProblems is how many conflicts get a problem each.
const maxProblems = 100

// Problems returns why the plan must not be carried out, or nil: a problem for each
// thing that was changed again later, unless force permits to undo those changes too.
func (p *Plan) Problems(force bool) (problems []envelope.Error) {
	if p.Impossible != nil {
		return []envelope.Error{Impossible(p.Impossible.Error())}
	}
	if p.Conflict == nil || force {
		return nil
	}
	for i, c := range p.Conflict.Conflicts {
		if i == maxProblems {
			more := fmt.Sprintf("%d others were changed again later", len(p.Conflict.Conflicts)-i)
			return append(problems, envelope.Error{Code: CodeConflict, Title: conflictTitle, Detail: more})
		}
		problem := envelope.Error{Code: CodeConflict, Title: conflictTitle, Detail: c.Text(), Meta: map[string]any{"what": c.What}}
		if c.By.ID != "" {
			problem.Meta["changeId"] = c.By.ID
			problem.Meta["userId"] = c.By.Subject
		}
		problems = append(problems, problem)
	}
	return problems
}

const conflictTitle = "Changed again later"

// Impossible returns the problem of what cannot be undone at all.
func Impossible(why string) envelope.Error {
	return envelope.Error{Code: CodeImpossible, Title: "Nothing can be undone", Detail: why}
}
