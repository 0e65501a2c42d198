package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"originwarden/api/changes"
	"originwarden/api/problem"
	"originwarden/envelope"
	"originwarden/store"
)

// listChanges sends a page of the history of the tenant's web integrations.
func (t *tenantRequest) listChanges(w *responseWriter, r *http.Request) error {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.InvalidQuery()
	}
	var problems []envelope.Error
	q := changes.Parse(given, func(parameter, wrong string) {
		problems = append(problems, problem.InvalidParameter(parameter, wrong))
	})
	if problems != nil {
		return problem.New(http.StatusBadRequest, problems...)
	}
	var page store.HistoryPage
	if q.Limit > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
		defer cancel()
		page, err = t.Store.History(ctx, t.tenant, q.HistoryQuery)
	}
	if errors.Is(err, store.ErrUnknownCursor) {
		return problem.New(http.StatusBadRequest, problem.InvalidParameter("startingAfter", changes.UnknownCursor))
	}
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(collectionURL(r), collection) + integrationChanges
	return w.sendJSON(http.StatusOK, changes.NewDocument(q, page, base))
}

// asAuthor returns the context of writes that the caller of the request makes.
func (t *tenantRequest) asAuthor(ctx context.Context) context.Context {
	return store.WithIssuer(store.WithAuthor(ctx, t.caller.Subject()), t.caller.Issuer())
}
