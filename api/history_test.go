package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/store"
)

const changesPath = "/api/v1/web-integration-changes"

// change is an event as clients see it.
type change struct {
	SpecVersion, ID, Source, Type, Subject, DataContentType, TenantID, UserID, UserIssuer string
	Time                                                                                  time.Time
	Data                                                                                  struct {
		ID, Name string
		Revision uint64
		Updates  json.RawMessage `json:"_updates"`
		Omitted  json.RawMessage `json:"_omitted"`
	}
}

type changePage struct {
	Data  []change
	Links struct{ Self, Next struct{ Href string } }
}

func (a reply) changes(t testing.TB) changePage {
	t.Helper()
	var p changePage
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != http.StatusOK || p.Data == nil {
		t.Fatalf("status %d: %v: %s", a.status, err, a.body)
	}
	return p
}

func (g *testAPI) readChanges(query string) []change {
	g.t.Helper()
	var all []change
	for next := changesPath + query; next != ""; {
		page := g.send(request{path: next}).changes(g.t)
		all, next = append(all, page.Data...), page.Links.Next.Href
	}
	return all
}

func TestChanges_AreCloudEvents(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://a.example")
	if got := g.patch(w.ID, `[{"op":"replace","path":"/validOrigins","value":["https://b.example"]},{"op":"replace","path":"/name","value":"<Store>"}]`); got.status != http.StatusNoContent {
		t.Fatal(got)
	}
	g.send(request{method: "DELETE", path: collection + "/" + w.ID, token: globalToken})
	empty := g.create("Empty")
	got := g.readChanges("?since=0")
	for i, want := range []struct{ kind, id, name, by, updates string }{
		{"created", w.ID, "Shop", "ops", `[{"path":"/name","newValue":"Shop"},{"path":"/validOrigins","newValue":["https://a.example"]}]`},
		{"updated", w.ID, "<Store>", "ops", `[{"path":"/name","oldValue":"Shop","newValue":"<Store>"},` +
			`{"path":"/validOrigins/0","oldValue":"https://a.example"},{"path":"/validOrigins/0","newValue":"https://b.example"}]`},
		{"deleted", w.ID, "<Store>", "root", `[{"path":"/name","oldValue":"<Store>"},{"path":"/validOrigins","oldValue":["https://b.example"]}]`},
		{"created", empty.ID, "Empty", "ops", `[{"path":"/name","newValue":"Empty"},{"path":"/validOrigins","newValue":[]}]`},
	} {
		e := got[i]
		if e.Type != "com.qlik.core.web-integration."+want.kind || e.Subject != want.id || e.Data.ID != want.id || e.Data.Name != want.name ||
			e.UserID != want.by || string(e.Data.Updates) != want.updates || e.Data.Omitted != nil {
			t.Errorf("event %d: %+v with %s, want %+v", i, e, e.Data.Updates, want)
		}
		if e.SpecVersion != "1.0" || e.Source != "/originwarden/acme" || e.TenantID != "acme" || e.DataContentType != "application/json" ||
			e.ID != fmt.Sprint(e.Data.Revision) || time.Since(e.Time) > time.Minute || e.UserIssuer != "" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d events, want 4", len(got))
	}
}

func TestChanges_HaveIssuerOfAccessToken(t *testing.T) {
	i := newTestIssuer(t)
	g := newTestAPI(t)
	g.config.Auth.OIDC = auth.OIDC{Issuer: i.url, Audience: audience}
	g.serve(func(h http.Handler) http.Handler { return h })
	got := g.send(request{method: "POST", path: collection, body: `{"name":"n"}`, token: i.token(t, nil)})
	if got.status != http.StatusCreated {
		t.Fatal(got)
	}
	if e := g.readChanges("")[0]; e.UserID != "alice" || e.UserIssuer != i.url {
		t.Errorf("by %q of %q, want alice of %q", e.UserID, e.UserIssuer, i.url)
	}
}

func TestChanges_PageInOneOrder(t *testing.T) {
	g := newTestAPI(t)
	var want []string
	for i := range 12 {
		want = append(want, g.create(fmt.Sprint(i)).ID)
	}
	integrations := func(all []change) (ids []string) {
		for _, e := range all {
			ids = append(ids, e.Subject)
		}
		return ids
	}
	all := g.readChanges("?since=0&limit=100")
	for _, row := range []struct {
		query string
		want  []string
	}{
		{"?since=0&limit=5", want},
		{fmt.Sprintf("?limit=5&since=%d", all[3].Data.Revision), want[4:]},
		{fmt.Sprintf("?since=%d", all[11].Data.Revision), nil},
		{"?since=0&startingAfter=" + all[9].ID, want[10:]},
		{"?integration=" + want[4], want[4:5]},
		{"?integration=" + store.NewID(), nil},
		{"?origin=https://none.example", nil},
	} {
		if got := integrations(g.readChanges(row.query)); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.query, got, row.want)
		}
	}
	slices.Reverse(want)
	for _, query := range []string{"", "?limit=5", "?limit=100", "?unknown=1"} {
		if got := integrations(g.readChanges(query)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	page := g.send(request{path: changesPath + "?limit=5&since=0&origin="}).document(t)
	if len(page.Errors) != 1 {
		t.Errorf("%+v", page)
	}
	links := g.send(request{path: changesPath + "?since=0&limit=5&limit=7"}).changes(t).Links
	self, next := g.url+changesPath+"?limit=5&since=0", g.url+changesPath+"?limit=5&since=0&startingAfter="+all[4].ID
	if links.Self.Href != self || links.Next.Href != next {
		t.Errorf("links %+v, want %s and %s", links, self, next)
	}
	if empty := g.send(request{path: changesPath + "?limit=0"}).changes(t); len(empty.Data) != 0 || empty.Links.Next.Href != "" {
		t.Errorf("%+v", empty)
	}
}

func TestChanges_SelectByOrigin(t *testing.T) {
	g := newTestAPI(t)
	w := g.create("Shop", "https://Shop.example/")
	g.create("Other", "https://other.example")
	if got := g.readChanges("?origin=" + url.QueryEscape("https://shop.example")); len(got) != 1 || got[0].Subject != w.ID {
		t.Errorf("%+v", got)
	}
}

func TestChanges_SayWhatIsWrongWithAnOrigin(t *testing.T) {
	g := newTestAPI(t)
	const query = "?origin=shop.example"
	want := g.send(request{path: collection + query}).document(t).Errors
	got := g.send(request{path: changesPath + query}).document(t).Errors
	if !reflect.DeepEqual(got, want) || len(got) != 1 {
		t.Errorf("errors %+v, want those of the web integrations: %+v", got, want)
	}
}

func TestChanges_RefuseInvalidQueries(t *testing.T) {
	g := newTestAPI(t)
	for query, want := range map[string]string{
		"limit=101":                           "limit",
		"limit=-1":                            "limit",
		"limit=%2B1":                          "limit",
		"limit=":                              "limit",
		"since=-1":                            "since",
		"since=x":                             "since",
		"since=":                              "since",
		"integration=x":                       "integration",
		"origin=":                             "origin",
		"origin=shop.example":                 "origin",
		"origin=https://shop.example/path":    "origin",
		"origin=null":                         "origin",
		"origin=*":                            "origin",
		"origin=%ff":                          "origin",
		"startingAfter=x":                     "startingAfter",
		"startingAfter=1-0":                   "startingAfter",
		"startingAfter=":                      "startingAfter",
		"origin=" + strings.Repeat("x", 1025): "origin",
	} {
		got := g.send(request{path: changesPath + "?" + query})
		if got.status != http.StatusBadRequest || got.problems(t) != "WEBINTEGRATIONS-6 "+want {
			t.Errorf("%s: status %d, %s", query, got.status, got.body)
		}
	}
	if got := g.send(request{path: changesPath + "?limit=x&since=x"}); got.problems(t) != "WEBINTEGRATIONS-6 limit, WEBINTEGRATIONS-6 since" {
		t.Errorf("%s", got.body)
	}
}

func TestChanges_AreForReadersOfTheTenant(t *testing.T) {
	g := newTestAPI(t)
	g.createForeign()
	w := g.create("n")
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", changesPath, readerToken, http.StatusOK},
		{"HEAD", changesPath, readerToken, http.StatusOK},
		{"GET", changesPath, globalToken, http.StatusOK},
		{"GET", changesPath, otherToken, http.StatusForbidden},
		{"GET", changesPath, "nobody's", http.StatusUnauthorized},
		{"POST", changesPath, adminToken, http.StatusMethodNotAllowed},
		{"GET", changesPath + "/", adminToken, http.StatusNotFound},
		{"GET", changesPath + "/1", adminToken, http.StatusNotFound},
	} {
		if got := g.send(request{method: c.method, path: c.path, token: c.token}); got.status != c.status {
			t.Errorf("%s %s with token %s: status %d, want %d", c.method, c.path, c.token, got.status, c.status)
		}
	}
	if got := g.readChanges(""); len(got) != 1 || got[0].Subject != w.ID {
		t.Errorf("%+v, want only acme's", got)
	}
}

func TestOwns_ChangesButNotSimilarPaths(t *testing.T) {
	for path, want := range map[string]bool{
		changesPath: true, changesPath + "/x": true, changesPath + "/57-2/undo": true, changesPath + "%2F57/undo": false, changesPath + "s": false, "/api/v1/web-integration": false,
	} {
		if got := api.Owns(path); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
}

func TestChanges_ReportUnavailableStore(t *testing.T) {
	g := newTestAPI(t)
	g.config.Log = func(context.Context, error) {}
	g.serve(func(h http.Handler) http.Handler { return h })
	if err := g.store.Close(); err != nil {
		t.Fatal(err)
	}
	if got := g.send(request{path: changesPath}); got.status != http.StatusServiceUnavailable || got.problems(t) != "STORE_UNAVAILABLE" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}
