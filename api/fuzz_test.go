package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/store"
)

// newHandler returns the API over s on acme's host.
func newHandler(s store.Store) http.Handler { return api.New(newConfig(s)).Tenant("acme") }

// newConfig returns the configuration of an API over s with empty lists.
func newConfig(s store.Store) api.Config {
	load := func(context.Context, string) (*origins.List, error) { return origins.NewList(0, nil), nil }
	return api.Config{
		Store: s, Lists: liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 1000}}, load),
		Settings: api.Settings{Auth: auth.Settings{Tokens: tokens()}, Limits: api.Limits{Origins: 5, Body: 4096}, Timeout: time.Minute},
	}
}

// sendBody calls handler with an authenticated JSON request.
func sendBody(t testing.TB, handler http.Handler, method, target string, body []byte) reply {
	t.Helper()
	r := httptest.NewRequest(method, "http://acme.example"+collection, bytes.NewReader(body))
	r.URL.Path += strings.TrimPrefix(target, collection)
	r.Header.Set("Authorization", "Bearer "+adminToken)
	r.Header.Set("Content-Type", "application/json")
	return serve(t, handler, r)
}

// serve calls handler with r and checks the response.
func serve(t testing.TB, handler http.Handler, r *http.Request) reply {
	t.Helper()
	w := httptest.NewRecorder()
	validateExchanges(t, handler).ServeHTTP(w, r)
	got := reply{w.Code, w.Header(), w.Body.String()}
	got.check(t, request{method: r.Method, path: r.URL.Path})
	return got
}

// checkIntegration checks that w is valid.
func checkIntegration(t *testing.T, w store.WebIntegration) {
	t.Helper()
	if problem := store.NameProblem(w.Name); problem != "" {
		t.Errorf("name %q: %s", w.Name, problem)
	}
	if problems := store.OriginProblems(w.ValidOrigins, origins.NoPatterns); len(problems) != 0 || len(w.ValidOrigins) > 5 {
		t.Errorf("origins %q: %v", w.ValidOrigins, problems)
	}
}

func FuzzCreate(f *testing.F) {
	for _, seed := range []string{
		`{"name":"n"}`, `{"name":"n","validOrigins":["https://a.example","capacitor://localhost"]}`, `{"name":"n","name":"m"}`,
		`{"Name":"n"}`, `{"name":null,"validOrigins":null}`, `{"validOrigins":["*",1]}`, `{"name":"n"}{}`, "\ufeff{}", `{"name":"\ud800"}`, `[`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var kept *store.WebIntegration
		got := sendBody(t, newHandler(&hooks{create: func(_ context.Context, w store.WebIntegration) (store.WebIntegration, error) {
			w.Revision, kept = 1, &w
			return w, nil
		}}), "POST", collection, body)
		if kept == nil {
			if got.status != http.StatusBadRequest && got.status != http.StatusRequestEntityTooLarge {
				t.Errorf("status %d: %s for %q", got.status, got.body, body)
			}
			return
		}
		checkIntegration(t, *kept)
		// encoding/json must decode the same values: an ambiguous body is refused.
		var same struct {
			Name         string   `json:"name"`
			ValidOrigins []string `json:"validOrigins"`
		}
		strict := json.NewDecoder(bytes.NewReader(body))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&same); err != nil || same.Name != kept.Name || !slices.Equal(same.ValidOrigins, kept.ValidOrigins) {
			t.Errorf("stored %+v from %q, which encoding/json decodes as %+v, %v", kept, body, same, err)
		}
		if got.status != http.StatusCreated || got.integration(t).Name != kept.Name {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
}

func FuzzPatch(f *testing.F) {
	seedPatches(f)
	for _, seed := range []string{
		`[]`, `[{"op":"replace","path":"/name","value":"m"}]`, `[{"op":"replace","path":"/validOrigins","value":["https://a.example"]}]`,
		`[{"op":"replace","path":"/validOrigins","value":"[\"https://a.example\"]"}]`, `[{"op":"replace","path":"/validOrigins","value":"\"https://a.example\""}]`,
		`[{"op":"replace","path":"/validOrigins","value":"https://a.example"}]`, `[{"op":"remove","path":"/name"},1]`, `{"op":"replace"}`, `[{"op":"replace","op":"add"}]`,
	} {
		f.Add([]byte(seed))
	}
	id := strings.Repeat("i", 32)
	f.Fuzz(func(t *testing.T, body []byte) {
		before := store.WebIntegration{ID: id, TenantID: "acme", Name: "n", CreatedBy: "ops", ValidOrigins: []string{"https://old.example"}, Revision: 1}
		after, edited := before, false
		got := sendBody(t, newHandler(&hooks{edit: func(_ context.Context, _, _ string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
			edited = edit(&after) == nil
			return after, nil
		}}), "PATCH", collection+"/"+id, body)
		checkIntegration(t, after)
		if after.ID != id || after.TenantID != "acme" || after.CreatedBy != "ops" || !after.Created.IsZero() {
			t.Errorf("%q changed read-only fields: %+v", body, after)
		}
		switch got.status {
		case http.StatusNoContent:
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if edited {
				t.Errorf("%q was refused but applied: %s", body, got.body)
			}
		default:
			t.Errorf("status %d: %s for %q", got.status, got.body, body)
		}
		if !edited && (after.Name != before.Name || !after.LastUpdated.IsZero()) {
			t.Errorf("%q was refused but changed the web integration: %+v", body, after)
		}
	})
}

func FuzzListQuery(f *testing.F) {
	for _, seed := range []string{
		"", "limit=5&sort=+name", "sort=-name&limit=0", "startingAfter=" + strings.Repeat("a", 32), "endingBefore=" + strings.Repeat("a", 32) + "&tenantId=acme",
		"limit=1&limit=x", "limit=%zz", "a;b", "tenantId=%00&limit=100", "%6cimit=7",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, ok := parseQuery(t, query)
		if !ok {
			return
		}
		q := got.query
		if q.Limit < 0 || q.Limit > 100 || q.After != "" && q.Before != "" || len(q.After)%32 != 0 || len(q.Before)%32 != 0 {
			t.Errorf("%q asked the store for %+v", query, q)
		}
		self, err := url.Parse(got.links.Links.Self.Href)
		if err != nil || self.Scheme != "http" || self.Host != "acme.example" || self.Path != collection {
			t.Fatalf("%q has self %q: %v", query, got.links.Links.Self.Href, err)
		}
		again, ok := parseQuery(t, self.RawQuery)
		if !ok || again.query != q || again.asked != got.asked || again.links.Links.Self != got.links.Links.Self {
			t.Errorf("%q asks for %+v, its self link for %+v", query, got, again)
		}
		if next, err := url.Parse(got.links.next()); got.asked && err == nil {
			if turned, ok := parseQuery(t, next.RawQuery); !ok || turned.query.Limit != q.Limit || turned.query.Descending != q.Descending || turned.query.After != strings.Repeat("z", 32) {
				t.Errorf("%q asks for %+v, its next link for %+v", query, q, turned.query)
			}
		}
	})
}

// queryResult is the result of a list request.
type queryResult struct {
	query store.Query
	asked bool // whether the store was asked
	links page
}

// parseQuery sends a list request with a raw query. It reports false if the query
// was refused. The page has one entry, and there are pages before and after it.
func parseQuery(t *testing.T, raw string) (queryResult, bool) {
	t.Helper()
	var a queryResult
	handler := newHandler(&hooks{page: func(_ context.Context, _ string, q store.Query) (store.Page, error) {
		a.query, a.asked = q, true
		return store.Page{Integrations: []store.WebIntegration{{ID: strings.Repeat("z", 32), Name: "n"}}, HasNext: true, HasPrev: true}, nil
	}})
	r := httptest.NewRequest("GET", "http://acme.example"+collection, nil)
	r.URL.RawQuery = raw
	r.Header.Set("Authorization", "Bearer "+adminToken)
	got := serve(t, handler, r)
	if got.status == http.StatusBadRequest && !a.asked {
		return a, false
	}
	if err := json.Unmarshal([]byte(got.body), &a.links); err != nil || got.status != http.StatusOK {
		t.Fatalf("status %d: %s for %q: %v", got.status, got.body, raw, err)
	}
	return a, true
}

func FuzzAuthorization(f *testing.F) {
	i := newTestIssuer(f)
	unknown := signToken(f, newES256Key(f, "unknown"), i.claims(nil), nil)
	for _, seed := range []string{
		"Bearer " + adminToken, "bearer  " + adminToken, "Bearer", "Basic " + adminToken, adminToken, "Bearer " + adminToken + " ", "",
		"Bearer " + unknown, "Bearer " + unknown + "=", "bearer " + i.token(f, changes{"exp": 1}), "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer ..",
	} {
		f.Add(seed)
	}
	handler := i.api()
	f.Fuzz(func(t *testing.T, line string) {
		r := httptest.NewRequest("GET", "http://acme.example"+collection, nil)
		r.Header["Authorization"] = []string{line}
		got := serve(t, handler, r)
		scheme, rest, _ := strings.Cut(line, " ")
		token := strings.TrimLeft(rest, " ")
		known := strings.EqualFold(scheme, "bearer") && (token == adminToken || token == readerToken || token == globalToken)
		switch {
		case strings.EqualFold(scheme, "bearer") && token == otherToken:
			if got.status != http.StatusForbidden {
				t.Errorf("%q: status %d", line, got.status)
			}
		case known && got.status != http.StatusOK, !known && got.status != http.StatusUnauthorized:
			t.Errorf("%q: status %d", line, got.status)
		}
	})
}
