package console

import (
	"errors"
	"net/http"
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

// maxAttempts is how often a change is undone again after somebody else's.
const maxAttempts = 10

// undo undoes a change, unless that would undo a later one that the user was not told of.
func (r *request) undo() error {
	for attempt := 1; ; attempt++ {
		plan, err := changes.NewPlan(r.Context(), r.Store, r.tenant.ID, r.PathValue("record"))
		if err != nil {
			return err
		}
		if plan.Impossible != "" || plan.Conflict != "" && !r.wasToldOf(plan) {
			return r.sendPlan(http.StatusConflict, plan)
		}
		err = plan.Write(r.callAPI)
		if isStatus(err, http.StatusPreconditionFailed) && attempt < maxAttempts {
			continue
		}
		if err != nil {
			return err
		}
		return r.redirect(r.tenantPath("/history?done=undo"))
	}
}

// wasToldOf reports whether the form is that of a page that showed the plan, and nothing
// was changed since.
func (r *request) wasToldOf(plan *changes.Plan) bool {
	return r.PostForm.Get("conflict") == plan.Conflict && r.PostForm.Get("state") == plan.State
}
