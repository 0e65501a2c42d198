package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"originwarden/store"
)

// undone is the document of an undo.
type undone struct {
	Operation, ID, Name string
	Added, Removed      []string
}

func (g *testAPI) undo(id, body string, header map[string]string) reply {
	g.t.Helper()
	return g.send(request{method: "POST", path: changesPath + "/" + id + "/undo", body: body, header: header})
}

// wantUndone checks a successful undo.
func (a reply) wantUndone(t *testing.T, operation, added, removed string) undone {
	t.Helper()
	var d undone
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || a.status != http.StatusOK ||
		d.Operation != operation || strings.Join(d.Added, " ") != added || strings.Join(d.Removed, " ") != removed {
		t.Fatalf("status %d, %v: %s; want %s, added %q, removed %q", a.status, err, a.body, operation, added, removed)
	}
	return d
}

// lastChange returns the id of the last change.
func (g *testAPI) lastChange() string {
	g.t.Helper()
	return g.readChanges("?limit=1")[0].ID
}

func (g *testAPI) setOrigins(id, origins string) (change string) {
	g.t.Helper()
	if got := g.patch(id, `[{"op":"replace","path":"/validOrigins","value":`+origins+`}]`); got.status != http.StatusNoContent {
		g.t.Fatalf("status %d: %s", got.status, got.body)
	}
	return g.lastChange()
}

func TestUndo_UndoesOneChangeAndNothingElse(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://a.example")
	first := g.setOrigins(w.ID, `["https://a.example","https://b.example"]`)
	g.setOrigins(w.ID, `["https://a.example","https://b.example","https://c.example"]`)

	got := g.undo(first, `{}`, nil)
	got.wantUndone(t, "updated", "", "https://b.example")
	if now := strings.Join(g.read(w.ID).integration(t).ValidOrigins, " "); now != "https://a.example https://c.example" || g.isListed("https://b.example") {
		t.Errorf("stored is %s; listed: %t", now, g.isListed("https://b.example"))
	}
	last := g.readChanges("?limit=1")[0]
	if revision := got.header.Get("Web-Integrations-Revision"); revision != last.ID || last.UserID == "" {
		t.Errorf("the undo at revision %q is recorded as %+v", revision, last)
	}
}

func TestUndo_CreatesAndDeletes(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://a.example")
	created := g.lastChange()
	g.undo(created, `{}`, nil).wantUndone(t, "deleted", "", "https://a.example")
	if got := g.read(w.ID); got.status != http.StatusNotFound {
		t.Errorf("after the undo of the creation: %d", got.status)
	}
	again := g.undo(g.lastChange(), `{}`, nil).wantUndone(t, "created", "https://a.example", "")
	if got := g.read(again.ID).integration(t); got.Name != "Shop" || again.ID == w.ID || !g.isListed("https://a.example") {
		t.Errorf("created again: %+v", got)
	}
	if got := g.undo(created, `{}`, nil); got.status != http.StatusConflict || got.problems(t) != "UNDO_IMPOSSIBLE" {
		t.Errorf("the creation, twice: %d %s", got.status, got.body)
	}
}

// All later changes that would be undone are named. With force they are undone, but with
// If-Match only those that the client was told of.
func TestUndo_NamesLaterChanges(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://a.example")
	first := g.setOrigins(w.ID, `["https://b.example","https://c.example"]`)
	second := g.setOrigins(w.ID, `["https://c.example"]`)
	third := g.setOrigins(w.ID, `[]`)

	told := g.undo(first, `{}`, nil)
	if told.status != http.StatusConflict || told.problems(t) != "UNDO_CONFLICT, UNDO_CONFLICT" || !strings.Contains(told.body, `"changeId":"`+second+`"`) || !strings.Contains(told.body, `"changeId":"`+third+`"`) {
		t.Fatalf("status %d: %s", told.status, told.body)
	}
	match := map[string]string{"If-Match": told.header.Get("ETag")}
	dry := g.undo(first, `{"force":true,"dryRun":true}`, match)
	dry.wantUndone(t, "updated", "https://a.example", "")
	if dry.header.Get("ETag") != told.header.Get("ETag") || dry.header.Get("Web-Integrations-Revision") != "" || g.lastChange() != third {
		t.Errorf("the dry run has the headers %v, and the last change is %s", dry.header, g.lastChange())
	}
	g.setOrigins(w.ID, `["https://b.example"]`)
	if got := g.undo(first, `{"force":true}`, match); got.status != http.StatusPreconditionFailed || got.problems(t) != "WEBINTEGRATIONS_CONFLICT" {
		t.Errorf("with an outdated If-Match: %d %s", got.status, got.body)
	}
	match["If-Match"] = g.undo(first, `{}`, nil).header.Get("ETag")
	g.undo(first, `{"force":true}`, match).wantUndone(t, "updated", "https://a.example", "https://b.example")
}

func TestUndo_RefusesInvalidRequests(t *testing.T) {
	g := newTestAPI(t)
	g.create("Shop", "https://a.example")
	id := g.lastChange()
	path := changesPath + "/" + id + "/undo"
	for name, c := range map[string]struct {
		request
		status int
		code   string
	}{
		"unknown change":       {request{path: changesPath + "/999/undo", body: `{}`}, 404, "WEBINTEGRATIONS_NOT_FOUND"},
		"second of a revision": {request{path: changesPath + "/" + id + "-1/undo", body: `{}`}, 404, "WEBINTEGRATIONS_NOT_FOUND"},
		"no change at all":     {request{path: changesPath + "/0/undo", body: `{}`}, 404, "WEBINTEGRATIONS_NOT_FOUND"},
		"id with zeros":        {request{path: changesPath + "/0" + id + "/undo", body: `{}`}, 404, "WEBINTEGRATIONS_NOT_FOUND"},
		"no body":              {request{path: path}, 400, "BAD_REQUEST"},
		"unknown member":       {request{path: path, body: `{"forced":true}`}, 400, "BAD_REQUEST"},
		"member twice":         {request{path: path, body: `{"force":false,"force":true}`}, 400, "BAD_REQUEST"},
		"form":                 {request{path: path, body: `{}`, header: map[string]string{"Content-Type": "text/plain"}}, 415, "BAD_REQUEST"},
		"reader":               {request{path: path, body: `{}`, token: readerToken}, 403, "WEBINTEGRATIONS_FORBIDDEN"},
		"stranger":             {request{path: path, body: `{}`, token: "nobody's"}, 401, "AUTH-1"},
		"no quotes":            {request{path: path, body: `{}`, header: map[string]string{"If-Match": "1.1"}}, 412, "WEBINTEGRATIONS_CONFLICT"},
	} {
		t.Run(name, func(t *testing.T) {
			c.method = "POST"
			if got := g.send(c.request); got.status != c.status || got.problems(t) != c.code {
				t.Errorf("status %d, %s; want %d, %s", got.status, got.body, c.status, c.code)
			}
		})
	}
	if g.lastChange() != id || !g.isListed("https://a.example") {
		t.Error("something was undone")
	}
}

// An undo adds nothing that its tenant may not have any more.
func TestUndo_HoldsEntriesToTheRules(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://1.example", "https://2.example", "https://3.example")
	removal := g.setOrigins(w.ID, `["https://1.example"]`)
	for i := range 3 {
		g.setOrigins(w.ID, fmt.Sprintf(`["https://1.example"%s]`, strings.Repeat(`,"https://x.example"`, i+1)))
	}
	g.setOrigins(w.ID, `["https://1.example","https://x.example","https://x.example","https://y.example"]`)
	if got := g.undo(removal, `{"force":true}`, nil); got.status != http.StatusConflict || got.problems(t) != "UNDO_IMPOSSIBLE" {
		t.Errorf("an undo that leaves six of five permitted entries: %d %s", got.status, got.body)
	}
}

// No concurrent change is overwritten: the undo is planned again.
func TestUndo_OverwritesNoConcurrentChange(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://a.example")
	change := g.setOrigins(w.ID, `["https://a.example","https://b.example"]`)
	concurrent := 0
	g.store.edit = func(ctx context.Context, tenant, id string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
		if concurrent > 0 {
			concurrent--
			if _, err := g.store.Store.Edit(ctx, tenant, id, func(w *store.WebIntegration) error { w.Name += "!"; return nil }); err != nil {
				t.Error(err)
			}
		}
		return g.store.Store.Edit(ctx, tenant, id, edit)
	}
	concurrent = 100
	if got := g.undo(change, `{}`, nil); got.status != http.StatusPreconditionFailed || !g.isListed("https://b.example") {
		t.Errorf("under changes that do not end: %d %s", got.status, got.body)
	}
	concurrent = 3
	g.undo(change, `{}`, nil).wantUndone(t, "updated", "", "https://b.example")
	if now := g.read(w.ID).integration(t); now.Name != "Shop"+strings.Repeat("!", 13) || len(now.ValidOrigins) != 1 {
		t.Errorf("stored is %+v", now)
	}
}

// However many undos of a deletion are made at once, the web integration is created once.
func TestUndo_CreatesAgainOnce(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://a.example")
	g.send(request{method: "DELETE", path: collection + "/" + w.ID})
	deletion := g.lastChange()
	raced := 0
	g.store.create = func(ctx context.Context, again store.WebIntegration) (store.WebIntegration, error) {
		if raced++; raced == 1 {
			g.undo(deletion, `{}`, nil).wantUndone(t, "created", "https://a.example", "")
		}
		return g.store.Store.Create(ctx, again)
	}
	if got := g.undo(deletion, `{}`, nil); got.status != http.StatusConflict || got.problems(t) != "UNDO_CONFLICT" {
		t.Errorf("the second undo: %d %s", got.status, got.body)
	}
	if page, err := g.store.Page(t.Context(), "acme", store.Query{Limit: 10}); err != nil || len(page.Integrations) != 1 {
		t.Errorf("stored is %+v, %v", page.Integrations, err)
	}
	g.undo(deletion, `{"force":true}`, nil).wantUndone(t, "created", "https://a.example", "")
}

// A web integration that is deleted after the undo was planned is none that never was.
func TestUndo_SaysThatItWasDeletedMeanwhile(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://a.example")
	change := g.setOrigins(w.ID, `["https://a.example","https://b.example"]`)
	g.store.edit = func(ctx context.Context, tenant, id string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
		if _, err := g.store.Store.Delete(ctx, tenant, id, func(store.WebIntegration) error { return nil }); err != nil {
			t.Error(err)
		}
		return g.store.Store.Edit(ctx, tenant, id, edit)
	}
	if got := g.undo(change, `{}`, nil); got.status != http.StatusConflict || got.problems(t) != "UNDO_IMPOSSIBLE" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}
