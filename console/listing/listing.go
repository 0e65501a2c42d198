// Package listing lists and dismisses refused origins through the API of a tenant.
package listing

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"originwarden/console/apicall"
)

// API makes a request to the API of a tenant. The path is below /api/v1. The body is
// sent as JSON, and the response decoded into result, unless that is nil. An error
// response is an *apicall.Error.
type API func(method, path string, header http.Header, body, result any) (http.Header, error)

// maxTargets is how many web integrations a page offers to list an origin in.
const maxTargets = 100

// New is the target that is a new web integration.
const New = "new"

// Targets are the web integrations into which an origin can be listed.
type Targets struct {
	All    []Target
	Chosen string // an id, or New; "": the store does not answer
	More   bool   // there are others
}

// Target is one of them.
type Target struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ReadTargets returns the first web integrations by name. It chooses the wanted one, or
// else the first.
func (call API) ReadTargets(wanted string) (Targets, error) {
	var document struct {
		Data  []Target `json:"data"`
		Links struct {
			Next *struct{} `json:"next"`
		} `json:"links"`
	}
	_, err := call(http.MethodGet, "/web-integrations?limit=100", nil, nil, &document)
	if isStatus(err, http.StatusServiceUnavailable) {
		return Targets{}, nil
	}
	if err != nil {
		return Targets{}, err
	}
	t := Targets{All: document.Data[:min(len(document.Data), maxTargets)], Chosen: New, More: document.Links.Next != nil}
	switch {
	case wanted == New:
	case indexOf(t.All, wanted) >= 0:
		t.Chosen = wanted
	case len(t.All) > 0:
		t.Chosen = t.All[0].ID
	}
	return t, nil
}

// list adds an origin to a web integration, and returns that. It makes a new one only if
// none lists the origin: the form may have been sent twice.
func (call API) list(origin, into string) (in Target, err error) {
	if into != New && into != "" {
		return call.add(into, origin)
	}
	listing, err := call.listing(origin)
	if err != nil {
		return in, err
	}
	if len(listing) > 0 {
		return listing[0], nil
	}
	body := map[string]any{"name": nameFor(origin), "validOrigins": []string{origin}}
	_, err = call(http.MethodPost, "/web-integrations", nil, body, &in)
	return in, err
}

// listing returns the first web integrations that list an origin.
func (call API) listing(origin string) ([]Target, error) {
	var document struct {
		Data []Target `json:"data"`
	}
	_, err := call(http.MethodGet, "/web-integrations?"+url.Values{"limit": {"100"}, "origin": {origin}}.Encode(), nil, nil, &document)
	if isStatus(err, http.StatusBadRequest) { // no list can hold it
		return nil, nil
	}
	return document.Data, err
}

func indexOf(all []Target, id string) int {
	return slices.IndexFunc(all, func(one Target) bool { return one.ID == id })
}

// maxAttempts is how often a change is made again after somebody else's.
const maxAttempts = 10

// add adds an origin to a web integration, and keeps what others change meanwhile.
func (call API) add(id, origin string) (Target, error) {
	path := "/web-integrations/" + url.PathEscape(id)
	for attempt := 1; ; attempt++ {
		var current struct {
			Target
			ValidOrigins []string `json:"validOrigins"`
		}
		header, err := call(http.MethodGet, path, nil, nil, &current)
		if err != nil || slices.Contains(current.ValidOrigins, origin) {
			return current.Target, err
		}
		patch := []map[string]any{{"op": "replace", "path": "/validOrigins", "value": append(current.ValidOrigins, origin)}}
		_, err = call(http.MethodPatch, path, http.Header{"If-Match": header["Etag"]}, patch, nil)
		if isStatus(err, http.StatusPreconditionFailed) && attempt < maxAttempts {
			continue
		}
		return current.Target, err
	}
}

// nameFor returns the name of a new web integration for an origin: its host.
func nameFor(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	if host == "" || len(host) > 256 {
		return "New web integration"
	}
	return host
}

// dismiss marks an origin of the inventory as dismissed, or as not dismissed.
func (call API) dismiss(origin string, dismissed bool) error {
	path := "/refused-origins/dismiss"
	if !dismissed {
		path = "/refused-origins/restore"
	}
	_, err := call(http.MethodPost, path, nil, map[string]string{"origin": origin}, nil)
	return err
}

func isStatus(err error, status int) bool {
	refused, ok := errors.AsType[*apicall.Error](err)
	return ok && refused.Status == status
}
