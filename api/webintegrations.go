package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"originwarden/api/decode"
	"originwarden/api/integrations"
	"originwarden/api/precondition"
	"originwarden/api/problem"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/search"
)

// listIntegrations sends a page of the tenant's web integrations.
func (t *tenantRequest) listIntegrations(w *responseWriter, r *http.Request) error {
	q, err := integrations.Parse(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var page search.Page
	if q.Includes(t.tenant) {
		ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
		defer cancel()
		if err := t.selectListing(ctx, q); err != nil {
			return err
		}
		page, err = search.Find(ctx, t.Store, t.tenant, q.Query)
	}
	if errors.Is(err, store.ErrUnknownCursor) {
		return q.UnknownCursor()
	}
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, integrations.NewPage(q, page, collectionURL(r)))
}

// selectListing selects the web integrations that list the query's origin, if it has
// one, by the tenant's list in force.
func (t *tenantRequest) selectListing(ctx context.Context, q *integrations.Query) error {
	if q.Origin == "" {
		return nil
	}
	list, err := t.Lists.List(ctx, t.tenant)
	if err == nil && list.IsStale() {
		err = errors.New("api: searching for an origin: the list was not confirmed in time")
	}
	if err != nil {
		return err
	}
	q.Among = map[string]bool{}
	for id := range list.Listing(q.Origin, t.permittedPatterns()) {
		q.Among[id] = true
	}
	return nil
}

// createIntegration stores a new web integration.
func (t *tenantRequest) createIntegration(w *responseWriter, r *http.Request) error {
	body, err := t.readBody(w, r, "application/json")
	if err != nil {
		return err
	}
	wanted, err := decode.Creation(body, t.entryRules())
	if err != nil {
		return err
	}
	wanted.ID, wanted.TenantID, wanted.CreatedBy = store.NewID(), t.tenant, t.caller.Subject()
	wanted.Created = now()
	wanted.LastUpdated = wanted.Created
	w.call.Integration, w.call.Diff = wanted.ID, newDiff(store.WebIntegration{}, wanted)
	var created store.WebIntegration
	err = t.Lists.Write(r.Context(), t.tenant, func(ctx context.Context) (change origins.Change, err error) {
		created, err = t.Store.Create(ctx, wanted)
		return created.Change(), err
	})
	if err != nil {
		return err
	}
	document := integrations.NewDocument(&created)
	self := collectionURL(r) + "/" + created.ID
	document.Links = &integrations.Links{Self: &integrations.Link{Href: self}}
	w.Header().Set("Location", self)
	w.Header().Set("ETag", etag(created.Revision))
	w.setRevision(created.Revision)
	return w.sendJSON(http.StatusCreated, document)
}

// readIntegration sends one web integration.
func (t *tenantRequest) readIntegration(w *responseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
	defer cancel()
	found, err := t.Store.Integration(ctx, t.tenant, t.id)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(found.Revision))
	if precondition.IsNotModified(r.Header, etag(found.Revision)) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return w.sendJSON(http.StatusOK, integrations.NewDocument(&found))
}

// patchIntegration changes one web integration, wholly or not at all. A patch
// without operations writes nothing; one that replaces values by equal ones is a
// write with a revision of its own, but not in the history.
func (t *tenantRequest) patchIntegration(w *responseWriter, r *http.Request) error {
	body, err := t.readBody(w, r, "application/json", "application/json-patch+json")
	if err != nil {
		return err
	}
	p, err := decode.Patch(body, t.entryRules())
	if err != nil {
		return err
	}
	var before, changed store.WebIntegration
	err = t.writeAndKeep(r, func(ctx context.Context) (change origins.Change, err error) {
		changed, err = t.Store.Edit(ctx, t.tenant, t.id, func(edited *store.WebIntegration) error {
			if err := checkIfMatch(r.Header, edited.Revision); err != nil {
				return err
			}
			before = *edited
			if err := p.ApplyTo(edited); err != nil {
				return err
			}
			edited.LastUpdated = now()
			return nil
		})
		return changed.Change(), err
	})
	// Also after an error: the write may have been made. If it is
	// known not to have been made, serveHTTP clears it.
	w.call.Diff = patchDiff(p, before)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(changed.Revision))
	w.setRevision(changed.Revision)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// patchDiff returns what a patch changes in a web integration, or nil if before was
// not read or nothing changes.
func patchDiff(p *decode.Replacements, before store.WebIntegration) *Diff {
	after := before
	if before.ID == "" || p.ApplyTo(&after) != nil {
		return nil
	}
	if after.Name == before.Name && slices.Equal(after.ValidOrigins, before.ValidOrigins) {
		return nil
	}
	return newDiff(before, after)
}

// deleteIntegration deletes one web integration. It reads no body.
func (t *tenantRequest) deleteIntegration(w *responseWriter, r *http.Request) error {
	var revision uint64
	var before store.WebIntegration
	err := t.writeAndKeep(r, func(ctx context.Context) (change origins.Change, err error) {
		revision, err = t.Store.Delete(ctx, t.tenant, t.id, func(deleted store.WebIntegration) error {
			if err := checkIfMatch(r.Header, deleted.Revision); err != nil {
				return err
			}
			before = deleted
			return nil
		})
		return store.Deletion(t.tenant, t.id, revision), err
	})
	if before.ID != "" {
		w.call.Diff = newDiff(before, store.WebIntegration{})
	}
	if err != nil {
		return err
	}
	w.setRevision(revision)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// etag returns the entity tag of a web integration as of a revision.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// checkIfMatch returns the response 412 unless If-Match permits a write to the web
// integration as of the revision.
func checkIfMatch(header http.Header, revision uint64) error {
	if precondition.IfMatch(header, etag(revision)) {
		return nil
	}
	return problem.PreconditionFailed("The web integration's current ETag does not match If-Match.")
}

// setRevision sends the revision of a write: lists at that revision, or a later one,
// contain it.
func (w *responseWriter) setRevision(revision uint64) {
	w.Header().Set("Web-Integrations-Revision", strconv.FormatUint(revision, 10))
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
