package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"originwarden/api/decode"
	"originwarden/api/precondition"
	"originwarden/api/problem"
	"originwarden/api/undo"
	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
)

// maxUndoAttempts is how often an undo is planned again after somebody else's change.
const maxUndoAttempts = 10

// undoRequest is the body of an undo.
type undoRequest struct {
	Force  bool `json:"force"`  // also undo later changes
	DryRun bool `json:"dryRun"` // only say what would be done
}

// undoChange undoes a change of the history, and nothing else unless the client asks
// for it. The entity tag of the response to a dry run, or of one that names later
// changes, is that of what it says: with If-Match, no change that the client was not
// told of is undone.
func (t *tenantRequest) undoChange(w *responseWriter, r *http.Request) error {
	body, err := t.readBody(w, r, "application/json")
	if err != nil {
		return err
	}
	var wanted undoRequest
	if err := decode.Object(body, &wanted); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := t.tryUndo(w, r, wanted)
		if !errors.Is(err, errOvertaken) || attempt >= maxUndoAttempts {
			return err
		}
	}
}

// errOvertaken is the response 412 to an undo whose web integration somebody else has
// changed after it was planned.
var errOvertaken = problem.PreconditionFailed("The web integration was changed meanwhile.")

func (t *tenantRequest) tryUndo(w *responseWriter, r *http.Request, wanted undoRequest) error {
	plan, err := t.planUndo(r.Context())
	if err != nil {
		return err
	}
	tag := `"` + plan.State + `"`
	if !precondition.IfMatch(r.Header, tag) {
		return problem.PreconditionFailed("Other changes were made after those that If-Match names.")
	}
	problems := plan.Problems(wanted.Force)
	if problems == nil {
		problems = undoProblems(plan, t.entryRules())
	}
	if problems != nil {
		response := problem.New(http.StatusConflict, problems...)
		response.Header = http.Header{"Etag": {tag}}
		return response
	}
	document := plan.Document()
	if wanted.DryRun {
		w.Header().Set("ETag", tag)
		return w.sendJSON(http.StatusOK, document)
	}
	revision, err := t.writeUndo(w, r, plan)
	if err != nil {
		return err
	}
	document.ID = w.call.Integration
	w.setRevision(revision)
	return w.sendJSON(http.StatusOK, document)
}

func (t *tenantRequest) planUndo(ctx context.Context) (*undo.Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	plan, err := undo.NewPlan(ctx, t.Store, t.tenant, t.record)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem.NotFound("The history has no such change.")
	}
	return plan, err
}

// writeUndo makes the write of a plan, if the web integration is as it was then.
func (t *tenantRequest) writeUndo(w *responseWriter, r *http.Request, plan *undo.Plan) (revision uint64, err error) {
	after := t.afterUndo(plan)
	var before store.WebIntegration
	if plan.Undo.Operation != store.Created {
		before = *plan.Current
	}
	w.call.Integration, w.call.Diff = after.ID, newDiff(before, after)
	if plan.Undo.Operation == store.Deleted {
		w.call.Diff = newDiff(before, store.WebIntegration{})
	}
	err = t.writeAndKeep(r, func(ctx context.Context) (change origins.Change, err error) {
		change, err = t.commitUndo(ctx, plan, after)
		revision = change.Revision
		return change, err
	})
	return revision, err
}

// afterUndo returns the web integration after an undo, or before it is deleted.
func (t *tenantRequest) afterUndo(plan *undo.Plan) store.WebIntegration {
	if plan.Undo.Operation == store.Deleted {
		return *plan.Current
	}
	after := store.WebIntegration{ID: plan.NewID(), TenantID: t.tenant, CreatedBy: t.caller.Subject(), Created: now()}
	if plan.Undo.Operation == store.Updated {
		after = *plan.Current
	}
	after.Name, after.ValidOrigins, after.LastUpdated = plan.Undo.Name, plan.Undo.ValidOrigins, now()
	return after
}

// commitUndo commits the write of a plan. It fails with errOvertaken if the plan does not
// fit any more.
func (t *tenantRequest) commitUndo(ctx context.Context, plan *undo.Plan, after store.WebIntegration) (origins.Change, error) {
	change, err := t.commitPlan(ctx, plan, after)
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) {
		err = errOvertaken
	}
	return change, err
}

func (t *tenantRequest) commitPlan(ctx context.Context, plan *undo.Plan, after store.WebIntegration) (origins.Change, error) {
	unchanged := func(w store.WebIntegration) error {
		if w.Revision != plan.Current.Revision {
			return errOvertaken
		}
		return nil
	}
	switch plan.Undo.Operation {
	case store.Created:
		created, err := t.Store.Create(ctx, after)
		return created.Change(), err
	case store.Deleted:
		revision, err := t.Store.Delete(ctx, t.tenant, after.ID, unchanged)
		return store.Deletion(t.tenant, after.ID, revision), err
	}
	changed, err := t.Store.Edit(ctx, t.tenant, after.ID, func(edited *store.WebIntegration) error {
		if err := unchanged(*edited); err != nil {
			return err
		}
		edited.Name, edited.ValidOrigins, edited.LastUpdated = after.Name, slices.Clone(after.ValidOrigins), after.LastUpdated
		return nil
	})
	return changed.Change(), err
}

// undoProblems returns why the tenant may not have the entries that an undo would add,
// or nil.
func undoProblems(plan *undo.Plan, rules decode.Rules) (problems []envelope.Error) {
	added := plan.Added()
	if len(added) > 0 && len(plan.Undo.ValidOrigins) > rules.Max {
		return []envelope.Error{undo.Impossible(rules.TooMany("").Detail)}
	}
	wrong := store.OriginProblems(added, rules.Patterns)
	for i, entry := range added {
		if wrong[i] != nil {
			problems = append(problems, undo.Impossible(entry+": "+wrong[i].Error()))
		}
	}
	return problems
}
