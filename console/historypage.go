package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"originwarden/console/changes"
	"originwarden/store"
)

// changesPerPage is how many changes a page shows.
const changesPerPage = 20

// historyPage is the data of the page of changes, the newest first.
type historyPage struct {
	Integration, Origin string // what the page is restricted to
	Changes             []changes.Change
	Next                string // the link to older changes
}

func (r *request) showHistory() error {
	query := r.URL.Query()
	notice := ""
	if query.Get("done") != "" {
		notice = "The change was undone. The list is in force as it was before."
		query.Del("done")
	}
	data := historyPage{Integration: query.Get("integration"), Origin: strings.TrimSpace(query.Get("origin"))}
	found, err := r.Store.History(r.Context(), r.tenant.ID, store.HistoryQuery{
		Integration: data.Integration, Origin: data.Origin, Cursor: query.Get("after"), Newest: true, Limit: changesPerPage,
	})
	if errors.Is(err, store.ErrUnknownCursor) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	for _, record := range found.Records {
		data.Changes = append(data.Changes, changes.New(record))
	}
	if found.Next != "" {
		query.Set("after", found.Next)
		data.Next = "?" + query.Encode()
	}
	return r.show(http.StatusOK, "history.html", page{Title: "History", Section: "/history", Data: data, Notice: notice})
}

func (r *request) showUndo() error {
	plan, err := changes.NewPlan(r.Context(), r.Store, r.tenant.ID, r.PathValue("record"))
	if err != nil {
		return err
	}
	return r.sendPlan(http.StatusOK, plan)
}

func (r *request) sendPlan(status int, plan *changes.Plan) error {
	return r.show(status, "undo.html", page{Title: "Undo a change", Section: "/history", Data: plan})
}

// undo undoes a change, unless that would undo a later one that the user was not told of.
func (r *request) undo() error {
	id := r.PathValue("record")
	header := http.Header{"If-Match": {strconv.Quote(r.PostForm.Get("state"))}}
	told := r.PostForm.Get("conflict") != ""
	if !told {
		header = nil
	}
	_, refusal := r.callAPI(http.MethodPost, "/web-integration-changes/"+url.PathEscape(id)+"/undo", header, map[string]any{"force": told}, nil)
	if !isStatus(refusal, http.StatusConflict) && !(told && isStatus(refusal, http.StatusPreconditionFailed)) {
		if refusal != nil {
			return refusal
		}
		return r.redirect(r.tenantPath("/history?done=undo"))
	}
	plan, err := changes.NewPlan(r.Context(), r.Store, r.tenant.ID, id)
	if err != nil {
		return err
	}
	if why := whyImpossible(refusal); why != "" {
		plan.Impossible = why
	}
	return r.sendPlan(http.StatusConflict, plan)
}

// whyImpossible returns why the API can undo nothing, also what the plan does not know,
// as the rules for a tenant's entries; or "".
func whyImpossible(err error) string {
	var all []string
	if refused, ok := errors.AsType[*apiError](err); ok {
		for _, one := range refused.Errors {
			if one.Code == changes.CodeImpossible {
				all = append(all, one.Detail)
			}
		}
	}
	return strings.Join(all, "; ")
}
