package api

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
)

// originsEdit is a request to add and remove valid origins.
type originsEdit struct{ add, remove []string }

// originsEditDocument is its response.
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
	wanted, err := decodeOriginsEdit(body, rules)
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
			edited.ValidOrigins, made = origins.EditEntries(edited.ValidOrigins, wanted.add, wanted.remove)
			switch {
			case !made.Changes():
				return store.ErrUnchanged
			case len(made.Added) > 0 && len(edited.ValidOrigins) > rules.max:
				return newErrorResponse(http.StatusBadRequest, rules.tooMany("/add"))
			}
			edited.LastUpdated = now()
			return nil
		})
		return changed.Change(), err
	})
	if before.ID != "" && made.Changes() { // also after an error; see patchIntegration
		after := before
		after.ValidOrigins, _ = origins.EditEntries(before.ValidOrigins, wanted.add, wanted.remove)
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

// decodeOriginsEdit decodes a body. The error lists all problems with its values. What
// is to be removed need not be valid any more.
func decodeOriginsEdit(body []byte, rules entryRules) (originsEdit, error) {
	var given struct {
		Add    jsontext.Value `json:"add"`
		Remove jsontext.Value `json:"remove"`
	}
	if jsontext.Value(body).Kind() != '{' || json.Unmarshal(body, &given, json.RejectUnknownMembers(true)) != nil {
		return originsEdit{}, invalidBody()
	}
	var wanted originsEdit
	var problems []envelope.Error
	if given.Add != nil {
		var wrong []envelope.Error
		wanted.add, wrong = decodeOrigins("/add", given.Add, rules)
		problems = append(problems, wrong...)
	}
	if given.Remove != nil {
		var wrong []envelope.Error
		wanted.remove, wrong = decodeEntries("/remove", given.Remove, rules, func([]string) map[int]error { return nil })
		problems = append(problems, wrong...)
	}
	if problems != nil {
		return originsEdit{}, newErrorResponse(http.StatusBadRequest, problems...)
	}
	return wanted, nil
}
