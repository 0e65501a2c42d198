package api

import (
	"context"
	"net/http"

	"originwarden/api/decode"
	"originwarden/api/problem"
	"originwarden/origins"
	"originwarden/store"
)

// originsEditDocument is the response to a request to add and remove valid origins.
type originsEditDocument struct {
	Added     []string `json:"added"`
	Removed   []string `json:"removed"`
	Unchanged []string `json:"unchanged"`
}

// editOrigins adds and removes valid origins of one web integration, whatever others do
// with it at the same time. It writes nothing if nothing changes.
func (t *tenantRequest) editOrigins(w *responseWriter, r *http.Request) error {
	body, err := t.readBody(w, r, "application/json")
	if err != nil {
		return err
	}
	rules := t.entryRules()
	add, remove, err := decode.OriginsEdit(body, rules)
	if err != nil {
		return err
	}
	var before, changed store.WebIntegration
	var made origins.EntriesEdit
	err = t.writeAndKeep(r, func(ctx context.Context) (change origins.Change, err error) {
		changed, err = t.Store.Edit(ctx, t.tenant, t.id, func(edited *store.WebIntegration) error {
			if err := checkIfMatch(r.Header, edited.Revision); err != nil {
				return err
			}
			before = *edited
			edited.ValidOrigins, made = origins.EditEntries(edited.ValidOrigins, add, remove)
			switch {
			case !made.Changes():
				return store.ErrUnchanged
			case len(made.Added) > 0 && len(edited.ValidOrigins) > rules.Max:
				return problem.New(http.StatusBadRequest, rules.TooMany("/add"))
			}
			edited.LastUpdated = now()
			return nil
		})
		return changed.Change(), err
	})
	if before.ID != "" && made.Changes() { // also after an error; see patchIntegration
		after := before
		after.ValidOrigins, _ = origins.EditEntries(before.ValidOrigins, add, remove)
		w.call.Diff = newDiff(before, after)
	}
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(changed.Revision))
	w.setRevision(changed.Revision)
	return w.sendJSON(http.StatusOK, originsEditDocument{nonNil(made.Added), nonNil(made.Removed), nonNil(made.Unchanged)})
}

func nonNil(entries []string) []string { return append([]string{}, entries...) }
