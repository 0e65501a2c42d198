package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/search"
)

// listIntegrations sends a page of the tenant's web integrations.
func (t *tenantRequest) listIntegrations(w *responseWriter, r *http.Request) error {
	q, err := parseListQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var page search.Page
	if q.includes(t.tenant) {
		ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
		defer cancel()
		if err := t.selectListing(ctx, q); err != nil {
			return err
		}
		page, err = search.Find(ctx, t.Store, t.tenant, q.Query)
	}
	if errors.Is(err, store.ErrUnknownCursor) {
		return q.unknownCursorError()
	}
	if err != nil {
		return err
	}
	links := q.pageLinks(page, collectionURL(r))
	return w.sendJSON(http.StatusOK, pageDocument{page.Integrations, links})
}

// createIntegration stores a new web integration.
func (t *tenantRequest) createIntegration(w *responseWriter, r *http.Request) error {
	body, err := t.readBody(w, r, "application/json")
	if err != nil {
		return err
	}
	wanted, err := decodeCreation(body, t.entryRules())
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
	document := newDocument(&created)
	self := collectionURL(r) + "/" + created.ID
	document.Links = &links{Self: &link{self}}
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
	if isNotModified(r.Header, found.Revision) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return w.sendJSON(http.StatusOK, newDocument(&found))
}

// patchIntegration changes one web integration, wholly or not at all. A patch
// without operations writes nothing; one that replaces values by equal ones is a
// write with a revision of its own, but not in the history.
func (t *tenantRequest) patchIntegration(w *responseWriter, r *http.Request) error {
	body, err := t.readBody(w, r, "application/json", "application/json-patch+json")
	if err != nil {
		return err
	}
	p, err := decodePatch(body, t.entryRules())
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
			return p.applyTo(edited)
		})
		return changed.Change(), err
	})
	// Also after an error: the write may have been made. If it is
	// known not to have been made, serveHTTP clears it.
	w.call.Diff = p.diffFrom(before)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(changed.Revision))
	w.setRevision(changed.Revision)
	w.WriteHeader(http.StatusNoContent)
	return nil
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

// setRevision sends the revision of a write: lists at that revision, or a later one,
// contain it.
func (w *responseWriter) setRevision(revision uint64) {
	w.Header().Set("Web-Integrations-Revision", strconv.FormatUint(revision, 10))
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
