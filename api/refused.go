package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"originwarden/api/decode"
	"originwarden/api/problem"
	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
)

// refusedDocument lists the tenant's refused origins.
type refusedDocument struct {
	Data []refusedOrigin `json:"data"`
	// Partial says that the store could not be read.
	Partial bool `json:"partial,omitzero"`
}

type refusedOrigin struct {
	Origin    string        `json:"origin"`
	Reason    string        `json:"reason"`
	Count     uint64        `json:"count"`
	First     time.Time     `json:"first"`
	Last      time.Time     `json:"last"`
	Path      string        `json:"path"`
	Method    string        `json:"method,omitzero"`
	Agent     string        `json:"agent,omitzero"`
	OwnHost   bool          `json:"ownHost,omitzero"`
	Listed    bool          `json:"listed,omitzero"`
	Nearest   *nearestEntry `json:"nearest,omitempty"`
	Dismissed time.Time     `json:"dismissed,omitzero"`
}

// nearestEntry is the entry of the tenant that is nearest to a refused origin.
type nearestEntry struct {
	Origin   string           `json:"origin"`
	Relation origins.Relation `json:"relation"`
}

// refusedQuery selects refused origins.
type refusedQuery struct {
	since     time.Time // of the last request
	reason    string    // "" means all
	dismissed string    // true, false or all
}

// parseRefusedQuery parses a raw query. Of a repeated parameter the first value counts.
// Unknown parameters are ignored.
func parseRefusedQuery(rawQuery string) (q refusedQuery, err error) {
	given, err := url.ParseQuery(rawQuery)
	if err != nil {
		return q, problem.InvalidQuery()
	}
	var problems []envelope.Error
	if given.Has("since") {
		text := strings.ReplaceAll(given.Get("since"), " ", "+") // a plus that was not escaped
		if q.since, err = time.Parse(time.RFC3339, text); err != nil {
			problems = append(problems, problem.InvalidParameter("since", "The time has to be in the form 2026-01-02T15:04:05Z."))
		}
	}
	q.reason, q.dismissed = given.Get("reason"), "false"
	if given.Has("reason") && !isRefusal(origins.Reason(q.reason)) {
		problems = append(problems, problem.InvalidParameter("reason", "It is not the reason of a refusal."))
	}
	if given.Has("dismissed") {
		q.dismissed = given.Get("dismissed")
	}
	if q.dismissed != "true" && q.dismissed != "false" && q.dismissed != "all" {
		problems = append(problems, problem.InvalidParameter("dismissed", "It has to be true, false or all."))
	}
	if problems != nil {
		return q, problem.New(http.StatusBadRequest, problems...)
	}
	return q, nil
}

func isRefusal(reason origins.Reason) bool {
	for _, known := range origins.Reasons() {
		if known == reason {
			return known.Verdict() == origins.Refused
		}
	}
	return false
}

func (q *refusedQuery) selects(r *store.Refusal) bool {
	return !r.Last.Before(q.since) && (q.reason == "" || q.reason == string(r.Reason)) &&
		(q.dismissed == "all" || (q.dismissed == "true") == !r.Dismissed.IsZero())
}

// listRefused sends the origins that were refused, and the entries of the list in force
// that are nearest to them.
func (t *tenantRequest) listRefused(w *responseWriter, r *http.Request) error {
	q, err := parseRefusedQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	document := refusedDocument{Data: []refusedOrigin{}}
	if t.Refusals == nil {
		return w.sendJSON(http.StatusOK, document)
	}
	list, err := t.Lists.List(r.Context(), t.tenant)
	if err != nil {
		list = origins.NewList(0, nil) // the refusals are of use without it
	}
	ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
	defer cancel()
	all, err := t.Refusals.Refusals(ctx, t.tenant)
	if err != nil {
		document.Partial = true
		if t.Log != nil && r.Context().Err() == nil {
			t.Log(r.Context(), err)
		}
	}
	patterns := t.permittedPatterns()
	for i := range all {
		if q.selects(&all[i]) {
			document.Data = append(document.Data, newRefusedOrigin(&all[i], list, patterns))
		}
	}
	return w.sendJSON(http.StatusOK, document)
}

func newRefusedOrigin(r *store.Refusal, list *origins.List, patterns origins.Patterns) refusedOrigin {
	d := refusedOrigin{
		Origin: r.Origin, Reason: string(r.Reason), Count: r.Count, First: r.First, Last: r.Last,
		Path: r.Path, Method: r.Method, Agent: r.Agent, OwnHost: r.OwnHost, Dismissed: r.Dismissed,
	}
	if !origins.WellFormed(r.Origin) || r.Reason == origins.MethodNotAllowed || r.Reason == origins.HeaderNotAllowed {
		return d // with the last two the origin is listed
	}
	listed, _ := list.Match(r.Origin, patterns)
	d.Listed = listed && r.Reason == origins.OriginNotListed
	if miss := list.Nearest(r.Origin, patterns); miss.Relation != "" {
		d.Nearest = &nearestEntry{miss.Entry, miss.Relation}
	}
	return d
}

// dismissRefused marks the refusals of an origin as right.
func (t *tenantRequest) dismissRefused(w *responseWriter, r *http.Request) error {
	return t.setDismissed(w, r, time.Now().UTC().Truncate(time.Second))
}

// restoreRefused undoes dismissRefused.
func (t *tenantRequest) restoreRefused(w *responseWriter, r *http.Request) error {
	return t.setDismissed(w, r, time.Time{})
}

func (t *tenantRequest) setDismissed(w *responseWriter, r *http.Request, at time.Time) error {
	body, err := t.readBody(w, r, "application/json")
	if err != nil {
		return err
	}
	var given struct {
		Origin *string `json:"origin"`
	}
	if err := decode.Object(body, &given); err != nil {
		return err
	}
	if given.Origin == nil {
		return problem.InvalidBody()
	}
	if at.IsZero() {
		w.call.Restored = *given.Origin
	} else {
		w.call.Dismissed = *given.Origin
	}
	err = store.ErrNotFound
	if t.Refusals != nil {
		ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
		defer cancel()
		err = t.Refusals.Dismiss(ctx, t.tenant, *given.Origin, at)
	}
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(http.StatusNotFound, envelope.Error{Code: "REFUSED_ORIGIN_NOT_FOUND", Title: "Not found", Detail: "The origin was not refused."})
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
