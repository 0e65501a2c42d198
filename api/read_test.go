package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"originwarden/store"
)

// createInPast stores a web integration created in 2020, and returns its id and the
// response to a read.
func (g *testAPI) createInPast(name string) (id string, read reply) {
	g.t.Helper()
	then := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	w, err := g.store.Store.Create(context.Background(), store.WebIntegration{
		ID: store.NewID(), TenantID: "acme", Name: name, CreatedBy: "someone", Created: then, LastUpdated: then.Add(time.Hour),
		ValidOrigins: []string{"https://past.example"},
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return w.ID, g.read(w.ID)
}

func TestRead_ReturnsObject(t *testing.T) {
	g := newTestAPI(t)
	id, got := g.createInPast("n")
	want := fmt.Sprintf(`{"id":"%s","name":"n","created":"2020-02-29T23:59:58Z","lastUpdated":"2020-03-01T00:59:58Z",`+
		`"tenantId":"acme","createdBy":"someone","validOrigins":["https://past.example"]}`, id)
	if got.status != http.StatusOK || got.body != want {
		t.Errorf("status %d, body %s, want 200, %s", got.status, got.body, want)
	}
	if got.header.Get("ETag") != `"`+g.revision()+`"` {
		t.Errorf("ETag %s at revision %s", got.header.Get("ETag"), g.revision())
	}
}

func TestHead_ReturnsGetWithoutBody(t *testing.T) {
	g := newTestAPI(t)
	id, _ := g.createInPast("n")
	for _, path := range []string{collection, collection + "/" + id, collection + "/" + store.NewID(), collection + "?limit=x"} {
		get, head := g.send(request{path: path}), g.send(request{method: "HEAD", path: path})
		if head.status != get.status || head.body != "" || head.header.Get("ETag") != get.header.Get("ETag") || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
			t.Errorf("HEAD %s: status %d, headers %v, body %q; GET: status %d, headers %v", path, head.status, head.header, head.body, get.status, get.header)
		}
	}
}

func TestRead_Returns404ForUnknownPaths(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	for _, path := range []string{
		"/", "//", "/.", "/..", "/../x", "/../web-integrations", "/%2e%2e", "/%2F", "/%2f" + id, "/x", "/x?y", "/?x",
		"/" + store.NewID(), "/" + g.createForeign(),
		"/" + id + "/", "/" + id + "/x", "/" + id + "%2F", "/" + id + "%3Fx", "/" + id + "x", "/" + id[:31], "/" + id + "%00",
		"//" + id, "/./" + id, "/x/../" + id, "/" + id[:31] + "%41", "/" + id[:31] + ".", "/" + id[:31] + "é", "/;" + id[:31],
	} {
		for _, method := range []string{"GET", "HEAD", "PATCH", "DELETE"} {
			got := g.send(request{method: method, path: collection + path, body: `[]`})
			if got.status != http.StatusNotFound || method != "HEAD" && got.problems(t) != "WEBINTEGRATIONS_NOT_FOUND" {
				t.Errorf("%s %s: status %d: %s", method, path, got.status, got.body)
			}
		}
	}
	if got := g.read(id); got.status != http.StatusOK {
		t.Errorf("the web integration: status %d, want 200", got.status)
	}
	for _, path := range []string{"/api/v1/web-integrationsx", "/api/v1/web-integration", "/API/v1/web-integrations", "/api/v1/%77eb-integrations", "//api/v1/web-integrations", "/"} {
		if got := g.send(request{path: path}); got.status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, got.status)
		}
	}
}

func TestID_MalformedIsNotLookedUp(t *testing.T) {
	handler := newHandler(&hooks{}) // its calls panic
	for _, id := range []string{strings.Repeat("a", 31), strings.Repeat("a", 33), strings.Repeat("a", 10_000), strings.Repeat("a", 31) + "."} {
		for _, r := range []request{
			{method: "GET", path: collection + "/" + id},
			{method: "PATCH", path: collection + "/" + id, body: `[]`},
			{method: "DELETE", path: collection + "/" + id},
		} {
			if got := serve(t, handler, r.build(t, "http://acme.example")); got.status != http.StatusNotFound {
				t.Errorf("%s with an id of %d characters: status %d, want 404", r.method, len(id), got.status)
			}
		}
		if got := serve(t, handler, request{path: collection + "?startingAfter=" + id}.build(t, "http://acme.example")); got.status != http.StatusBadRequest {
			t.Errorf("cursor of %d characters: status %d, want 400", len(id), got.status)
		}
	}
}

func TestRead_IgnoresTheQuery(t *testing.T) {
	g := newTestAPI(t)
	if got := g.read(g.create("n").ID + "?limit=abc&%zz;"); got.status != http.StatusOK {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

func TestMethods_UnsupportedReturn405(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	for _, tt := range []struct {
		path, allow string
		methods     []string
	}{
		{collection, "GET, HEAD, POST", []string{"PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "LIST"}},
		{collection + "/" + id, "GET, HEAD, PATCH, DELETE", []string{"PUT", "POST", "OPTIONS", "TRACE", "patch", "COPY"}},
	} {
		for _, method := range tt.methods {
			got := g.send(request{method: method, path: tt.path, header: map[string]string{"X-HTTP-Method-Override": "GET"}})
			if got.status != http.StatusMethodNotAllowed || got.problems(t) != "METHOD_NOT_ALLOWED" || got.header.Get("Allow") != tt.allow {
				t.Errorf("%s %s: status %d, Allow %q: %s", method, tt.path, got.status, got.header.Get("Allow"), got.body)
			}
		}
	}
}

func TestRequest_IgnoresUnusedHeaders(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	for name, value := range map[string]string{
		"qlik-api-version": "99", "qlik-csrf-token": "x", "qlik-web-integration-id": "x", "Content-Type": "application/json",
		"Accept": "text/html", "If-Modified-Since": "Mon, 02 Jan 2106 15:04:05 GMT", "X-HTTP-Method-Override": "DELETE", "Range": "bytes=0-1",
	} {
		if got := g.send(request{path: collection + "/" + id, header: map[string]string{name: value}}); got.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, got.status, got.body)
		}
	}
	if got := g.read(id); got.status != http.StatusOK {
		t.Errorf("the method was overridden: status %d", got.status)
	}
}

func TestDelete_Returns404TheSecondTime(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	got := g.send(request{method: "DELETE", path: collection + "/" + id})
	if got.status != http.StatusNoContent || got.header.Get("Web-Integrations-Revision") != g.revision() || got.header.Get("ETag") != "" {
		t.Errorf("status %d, headers %v at revision %s", got.status, got.header, g.revision())
	}
	for _, method := range []string{"DELETE", "GET"} {
		if got := g.send(request{method: method, path: collection + "/" + id}); got.status != http.StatusNotFound || got.header.Get("Web-Integrations-Revision") != "" {
			t.Errorf("%s again: status %d, headers %v", method, got.status, got.header)
		}
	}
	foreign := g.createForeign()
	if got := g.send(request{method: "DELETE", path: collection + "/" + foreign}); got.status != http.StatusNotFound {
		t.Errorf("web integration of another tenant: status %d, want 404", got.status)
	}
	if _, err := g.store.Integration(context.Background(), "globex", foreign); err != nil {
		t.Errorf("web integration of another tenant: %v", err)
	}
}

func TestDelete_IgnoresBody(t *testing.T) {
	g := newTestAPI(t)
	got := g.send(request{method: "DELETE", path: collection + "/" + g.create("n").ID, body: "not JSON", header: map[string]string{"Content-Type": "text/plain"}})
	if got.status != http.StatusNoContent {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}
