package api

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"originwarden/store"
)

const (
	collection         = "/api/v1/web-integrations"
	integrationChanges = "/api/v1/web-integration-changes"
	refusedOrigins     = "/api/v1/refused-origins"
	validOrigins       = "/valid-origins" // below a web integration
)

// resource is what a path addresses. Without routes it does not exist.
type resource struct {
	pattern string // as in OpenAPI, or "none"
	routes  []route
	id      string // of the web integration, or ""
	record  string // the id of a record of the history, or ""
}

// route is one method of a resource.
type route struct {
	method string
	admin  bool // for administrators alone, and counted as a write
	serve  func(*tenantRequest, *responseWriter, *http.Request) error
}

// resourceAt returns the resource at a raw path. Ids need no escaping; a path with
// anything else in place of one does not exist.
func resourceAt(path string) resource {
	switch path {
	case refusedOrigins:
		return resource{pattern: path, routes: []route{
			{http.MethodGet, true, (*tenantRequest).listRefused},
			{http.MethodHead, true, (*tenantRequest).listRefused},
		}}
	case refusedOrigins + "/dismiss":
		return resource{pattern: path, routes: []route{{http.MethodPost, true, (*tenantRequest).dismissRefused}}}
	case refusedOrigins + "/restore":
		return resource{pattern: path, routes: []route{{http.MethodPost, true, (*tenantRequest).restoreRefused}}}
	}
	if path == integrationChanges {
		return resource{pattern: integrationChanges, routes: []route{
			{http.MethodGet, false, (*tenantRequest).listChanges},
			{http.MethodHead, false, (*tenantRequest).listChanges},
		}}
	}
	if record, ok := recordToUndo(path); ok {
		return resource{pattern: integrationChanges + "/{id}/undo", record: record, routes: []route{{http.MethodPost, true, (*tenantRequest).undoChange}}}
	}
	rest, ok := strings.CutPrefix(path, collection)
	if ok && rest == "" {
		return resource{pattern: collection, routes: []route{
			{http.MethodGet, false, (*tenantRequest).listIntegrations},
			{http.MethodHead, false, (*tenantRequest).listIntegrations},
			{http.MethodPost, true, (*tenantRequest).createIntegration},
		}}
	}
	id, below := strings.CutPrefix(rest, "/")
	if of, isOrigins := strings.CutSuffix(id, validOrigins); ok && below && isOrigins && store.IsID(of) {
		return resource{pattern: collection + "/{id}" + validOrigins, id: of, routes: []route{{http.MethodPatch, true, (*tenantRequest).editOrigins}}}
	}
	if !ok || !below || !store.IsID(id) {
		return resource{pattern: "none"}
	}
	return resource{pattern: collection + "/{id}", id: id, routes: []route{
		{http.MethodGet, false, (*tenantRequest).readIntegration},
		{http.MethodHead, false, (*tenantRequest).readIntegration},
		{http.MethodPatch, true, (*tenantRequest).patchIntegration},
		{http.MethodDelete, true, (*tenantRequest).deleteIntegration},
	}}
}

// recordToUndo returns the id of the record that a path asks to undo.
func recordToUndo(path string) (id string, ok bool) {
	rest, below := strings.CutPrefix(path, integrationChanges+"/")
	id, isUndo := strings.CutSuffix(rest, "/undo")
	_, _, isID := store.ParseRecordID(id)
	return id, below && isUndo && isID
}

// collectionURL returns the URL of the collection as the client of r addresses it.
func collectionURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	u := url.URL{Scheme: cmp.Or(r.URL.Scheme, scheme), Host: cmp.Or(r.URL.Host, r.Host), Path: collection}
	return u.String()
}
