package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// list answers with a page of the tenant's web integrations.
func (t *tenant) list(w *answerWriter, r *http.Request, _ call) error {
	l, err := parseListing(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var page store.Page
	if l.includes(t.id) {
		ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
		defer cancel()
		page, err = t.Store.Page(ctx, t.id, l.query)
	}
	if errors.Is(err, store.ErrUnknownCursor) {
		return refuseWith(http.StatusBadRequest, l.unknownCursor())
	}
	if err != nil {
		return err
	}
	return w.stream(http.StatusOK, func(body io.Writer) error {
		return l.write(body, page, collectionURL(r))
	})
}

// create keeps a new web integration.
func (t *tenant) create(w *answerWriter, r *http.Request, c call) error {
	body, err := t.body(w, r, "application/json")
	if err != nil {
		return err
	}
	wanted, err := decodeCreation(body, t.Limits.Origins)
	if err != nil {
		return err
	}
	wanted.ID, wanted.TenantID, wanted.CreatedBy = store.NewID(), t.id, c.who.Subject()
	wanted.Created = now()
	wanted.LastUpdated = wanted.Created
	w.call.Integration, w.call.Change = wanted.ID, changeOf(store.WebIntegration{}, wanted)
	var created store.WebIntegration
	err = t.Lists.Write(r.Context(), t.id, func(ctx context.Context) (change origins.Change, err error) {
		created, err = t.Store.Create(ctx, wanted)
		return created.Change(), err
	})
	if err != nil {
		return err
	}
	document := documentOf(&created)
	self := collectionURL(r) + "/" + created.ID
	document.Links = &links{Self: href{self}}
	w.Header().Set("Location", self)
	announce(w, created.Revision)
	w.Header().Set("ETag", etag(created.Revision))
	return w.answer(http.StatusCreated, document)
}

// read answers with one web integration.
func (t *tenant) read(w *answerWriter, r *http.Request, c call) error {
	ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
	defer cancel()
	found, err := t.Store.Integration(ctx, t.id, c.id)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(found.Revision))
	if unmodified(r.Header, found.Revision) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return w.answer(http.StatusOK, documentOf(&found))
}

// patch changes one web integration, wholly or not at all. A patch without
// operations writes nothing; one that replaces values by equal ones is a write
// like any other.
func (t *tenant) patch(w *answerWriter, r *http.Request, c call) error {
	body, err := t.body(w, r, "application/json", "application/json-patch+json")
	if err != nil {
		return err
	}
	p, err := decodePatch(body, t.Limits.Origins)
	if err != nil {
		return err
	}
	var before, changed store.WebIntegration
	err = t.commitAndKeep(r, func(ctx context.Context) (change origins.Change, err error) {
		changed, err = t.Store.Edit(ctx, t.id, c.id, func(edited *store.WebIntegration) error {
			if !permits(r.Header, edited.Revision) {
				return conflict()
			}
			before = *edited
			return p.apply(edited)
		})
		return changed.Change(), err
	})
	w.call.Change = p.changes(before)
	if err != nil {
		return err
	}
	announce(w, changed.Revision)
	w.Header().Set("ETag", etag(changed.Revision))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// remove deletes one web integration. A body is not read.
func (t *tenant) remove(w *answerWriter, r *http.Request, c call) error {
	var revision uint64
	var before store.WebIntegration
	err := t.commitAndKeep(r, func(ctx context.Context) (change origins.Change, err error) {
		revision, err = t.Store.Delete(ctx, t.id, c.id, func(deleted store.WebIntegration) error {
			if !permits(r.Header, deleted.Revision) {
				return conflict()
			}
			before = deleted
			return nil
		})
		return store.Deletion(t.id, c.id, revision), err
	})
	if before.ID != "" {
		w.call.Change = changeOf(before, store.WebIntegration{})
	}
	if err != nil {
		return err
	}
	announce(w, revision)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// announce tells the revision from which on the write is in force.
func announce(w http.ResponseWriter, revision uint64) {
	w.Header().Set("Web-Integrations-Revision", strconv.FormatUint(revision, 10))
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
