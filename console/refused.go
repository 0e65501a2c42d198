package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"originwarden/console/keptform"
	"originwarden/console/listing"
	"originwarden/console/refused"
	"originwarden/origins"
	"originwarden/store"
)

// refusedPerPage is how many refused origins a page shows.
const refusedPerPage = 25

// refusedPage is the data of the pages of refused origins: that of all of them, and that
// of a tenant that does not enforce its lists yet.
type refusedPage struct {
	// Readiness is nil on the page of all refused origins.
	Readiness      *refused.Readiness
	View           refused.View
	Reasons        []origins.Reason // to choose from
	Rows           []refused.Origin
	Found          int
	Previous, Next string
	Kept           []keptform.Field // of the view, for the form that comes back to it
	Targets        listing.Targets
	Partial        bool   // the store does not answer
	Problem        string // why the last form changed nothing
}

// observedSince returns since when the tenant is observed without a long gap: as the
// store has it, or, if it does not say, by this gateway. It is zero if it is not known.
func (r *request) observedSince() time.Time {
	var seen store.Observation
	now := time.Now()
	if since := r.Traffic.Since(r.tenant.ID); !since.IsZero() {
		seen = store.Observation{Since: since, Last: now}
	}
	observer := store.AsObserver(r.Store)
	if observer == nil {
		return seen.Since
	}
	kept, err := observer.Observe(r.Context(), r.tenant.ID, store.Observation{})
	if err != nil {
		return seen.Since
	}
	return kept.With(seen, now).Since
}

func (r *request) showRefused() error { return r.sendRefused("") }

// sendRefused sends the page of refused origins, or that of readiness, with the problem
// of a form.
func (r *request) sendRefused(problem string) error {
	all, partial, err := r.readRefused()
	if err != nil {
		return err
	}
	data, p := refusedPage{Problem: problem, Partial: partial, Reasons: origins.Reasons()}, page{Title: "Refused origins", Section: "/refused", Notice: r.api().Notice(r.URL.Query())}
	query := r.view()
	if strings.HasSuffix(r.URL.Path, "/ready") {
		hour := r.Traffic.Hour(r.tenant.ID, time.Now())
		sum := hour.Sum()
		seen := refused.Observation{Partial: partial, Recent: sum.Allowed+sum.Refused > 0, Since: r.observedSince()}
		readiness := refused.Assess(all, seen, time.Now())
		all = readiness.Breaks
		data.Readiness, p.Title, p.Section = &readiness, "Ready to enforce", "/ready"
		query = url.Values{"from": query["from"], "sort": {"count"}}
	}
	data.View = refused.View{Show: query.Get("show"), Query: query.Get("q"), Reason: query.Get("reason"), ByCount: query.Get("sort") == "count"}
	data.show(data.View.Select(all), query)
	if canWrite(r.caller) {
		if data.Targets, err = r.api().ReadTargets(r.FormValue(listing.FieldInto)); err != nil {
			return err
		}
	}
	p.Data = data
	status := http.StatusOK
	if problem != "" {
		status = http.StatusConflict
	}
	return r.show(status, "refused.html", p)
}

// show selects the page of the query from the origins of the view.
func (p *refusedPage) show(selected []refused.Origin, query url.Values) {
	link := func(from int) string {
		query.Set("from", strconv.Itoa(from))
		return "?" + query.Encode()
	}
	from, _ := strconv.Atoi(query.Get("from"))
	from = min(max(from, 0), max(0, (len(selected)-1)/refusedPerPage*refusedPerPage))
	until := min(from+refusedPerPage, len(selected))
	p.Found, p.Rows = len(selected), selected[from:until]
	if from > 0 {
		p.Previous = link(max(0, from-refusedPerPage))
	}
	if until < len(selected) {
		p.Next = link(until)
	}
	link(from)
	p.Kept = keptform.New("", query).Fields
}

// view returns the view of the page, which forms keep.
func (r *request) view() url.Values {
	view := r.URL.Query()
	if r.Method == http.MethodPost {
		view = r.PostForm
	}
	return listing.View(view)
}

// readRefused returns all refused origins of the tenant, the latest first. If they are
// partial, the store does not answer, and they are what this gateway refused itself.
func (r *request) readRefused() (all []refused.Origin, partial bool, err error) {
	var document struct {
		Data    []refused.Refusal `json:"data"`
		Partial bool              `json:"partial"`
	}
	if _, err := r.callAPI(http.MethodGet, "/refused-origins?dismissed=all", nil, nil, &document); err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), listsTimeout)
	defer cancel()
	list, err := r.Lists.List(ctx, r.tenant.ID)
	if err != nil {
		list = nil // the refusals are of use without it
	}
	return refused.Of(document.Data, list, r.tenant.Patterns), document.Partial, nil
}

func (r *request) decideRefused() error { return r.decide(r.sendRefused) }
