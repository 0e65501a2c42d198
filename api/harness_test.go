package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/envelope"
	"originwarden/lists"
	"originwarden/store"
	"originwarden/store/sqlite"
)

const collection = "/api/v1/web-integrations"

// Bearer tokens, named for their role and tenant.
const (
	adminToken  = "admin-of-acme"
	readerToken = "reader-of-acme"
	otherToken  = "admin-of-globex"
	globalToken = "admin-of-all"
)

func tokens() []auth.Token {
	return []auth.Token{
		{Subject: "ops", Tenant: "acme", Role: auth.Admin, SHA256: sha256.Sum256([]byte(adminToken))},
		{Subject: "audit", Tenant: "acme", SHA256: sha256.Sum256([]byte(readerToken))},
		{Subject: "them", Tenant: "globex", Role: auth.Admin, SHA256: sha256.Sum256([]byte(otherToken))},
		{Subject: "root", Tenant: "*", Role: auth.Admin, SHA256: sha256.Sum256([]byte(globalToken))},
	}
}

// testAPI is a running API on acme's host, with a real store.
type testAPI struct {
	t      testing.TB
	store  *hooks
	lists  *lists.Cache
	config api.Config
	url    string
	client *http.Client
}

// hooks is a store whose calls a test can replace, to make them fail or block or
// to observe them.
type hooks struct {
	store.Store
	resets      atomic.Bool // Position reports a reset until Accept is called
	page        func(context.Context, string, store.Query) (store.Page, error)
	integration func(context.Context, string, string) (store.WebIntegration, error)
	history     func(context.Context, string, store.HistoryQuery) (store.HistoryPage, error)
	create      func(context.Context, store.WebIntegration) (store.WebIntegration, error)
	edit        func(context.Context, string, string, func(*store.WebIntegration) error) (store.WebIntegration, error)
	delete      func(context.Context, string, string, func(store.WebIntegration) error) (uint64, error)
}

// Position returns a ResetError while resets is true.
func (h *hooks) Position(ctx context.Context) (store.Position, error) {
	if h.resets.Load() {
		return store.Position{}, &store.ResetError{}
	}
	return h.Store.Position(ctx)
}

// Accept implements store.Store.
func (h *hooks) Accept(ctx context.Context) (store.Position, error) {
	h.resets.Store(false)
	return h.Store.Accept(ctx)
}

func (h *hooks) Page(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if h.page != nil {
		return h.page(ctx, tenant, q)
	}
	return h.Store.Page(ctx, tenant, q)
}

func (h *hooks) Integration(ctx context.Context, tenant, id string) (store.WebIntegration, error) {
	if h.integration != nil {
		return h.integration(ctx, tenant, id)
	}
	return h.Store.Integration(ctx, tenant, id)
}

func (h *hooks) Create(ctx context.Context, w store.WebIntegration) (store.WebIntegration, error) {
	if h.create != nil {
		return h.create(ctx, w)
	}
	return h.Store.Create(ctx, w)
}

func (h *hooks) History(ctx context.Context, tenant string, q store.HistoryQuery) (store.HistoryPage, error) {
	if h.history != nil {
		return h.history(ctx, tenant, q)
	}
	return h.Store.History(ctx, tenant, q)
}

func (h *hooks) Edit(ctx context.Context, tenant, id string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
	if h.edit != nil {
		return h.edit(ctx, tenant, id, edit)
	}
	return h.Store.Edit(ctx, tenant, id, edit)
}

func (h *hooks) Delete(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (uint64, error) {
	if h.delete != nil {
		return h.delete(ctx, tenant, id, allow)
	}
	return h.Store.Delete(ctx, tenant, id, allow)
}

func openStore(t testing.TB, limits store.Limits) store.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "lists.db"), Limits: limits, History: store.Retention{Records: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newTestAPI(t testing.TB) *testAPI {
	return newTestAPIWithLimits(t, store.Limits{Integrations: 10_000, Origins: 100_000})
}

func newTestAPIWithLimits(t testing.TB, limits store.Limits) *testAPI {
	t.Helper()
	s := &hooks{Store: openStore(t, limits)}
	g := &testAPI{t: t, store: s}
	g.lists = lists.New(lists.Config{Store: g.store, Bounds: lists.Bounds{Tenants: 10, Origins: 1_000_000}, Timeout: 10 * time.Second})
	g.config = api.Config{
		Store: s,
		Lists: g.lists,
		Settings: api.Settings{
			Auth:    auth.Settings{Tokens: tokens()},
			Limits:  api.Limits{Origins: 5, Body: 4096},
			Timeout: 30 * time.Second,
		},
		Log: func(_ context.Context, err error) { t.Errorf("the API logged: %v", err) },
	}
	g.serve(func(h http.Handler) http.Handler { return h })
	return g
}

// serve restarts the API with g.config behind the handler that around returns.
// Every exchange is validated against the OpenAPI document.
func (g *testAPI) serve(around func(http.Handler) http.Handler) {
	server := httptest.NewServer(around(validateExchanges(g.t, api.New(g.config).Tenant("acme"))))
	g.t.Cleanup(server.Close)
	g.url, g.client = server.URL, server.Client()
}

// request is an API request. The zero value is an authenticated GET.
type request struct {
	method, path, body string
	token              string // adminToken if empty, none if "-"
	header             map[string]string
}

// reply is a response, read completely.
type reply struct {
	status int
	header http.Header
	body   string
}

var traceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (r request) build(t testing.TB, base string) *http.Request {
	t.Helper()
	if !strings.HasPrefix(r.path, "http") {
		r.path = base + r.path
	}
	req, err := http.NewRequest(r.method, r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.token != "-" {
		req.Header.Set("Authorization", "Bearer "+adminToken)
	}
	if r.token != "" && r.token != "-" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.method == http.MethodPost || r.method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	return req
}

// send sends r and checks what holds for every response.
func (g *testAPI) send(r request) reply {
	g.t.Helper()
	res, err := g.client.Do(r.build(g.t, g.url))
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	got := reply{res.StatusCode, res.Header, string(body)}
	got.check(g.t, r)
	return got
}

// check checks the headers and the body that every response to r must have.
func (a reply) check(t testing.TB, r request) {
	t.Helper()
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s %s: headers %v lack Cache-Control or X-Content-Type-Options", r.method, r.path, a.header)
	}
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s %s: unexpected header %s", r.method, r.path, name)
		}
	}
	bodiless := a.status == 204 || a.status == 304
	if bodiless && (a.body != "" || a.header.Get("Content-Type") != "") {
		t.Errorf("%s %s: status %d with body %q and Content-Type %q, want neither", r.method, r.path, a.status, a.body, a.header.Get("Content-Type"))
	}
	if !bodiless && a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: Content-Type %q, want application/json", r.method, r.path, a.header.Get("Content-Type"))
	}
	if a.status >= 400 && r.method != http.MethodHead {
		a.document(t)
	}
}

// document returns the error document of the response.
func (a reply) document(t testing.TB) envelope.Document {
	t.Helper()
	var d envelope.Document
	if err := json.Unmarshal([]byte(a.body), &d); err != nil {
		t.Fatalf("decoding error document %q: %v", a.body, err)
	}
	if !traceID.MatchString(d.TraceID) || len(d.Errors) == 0 {
		t.Errorf("error document %s has no trace id or no errors", a.body)
	}
	for _, e := range d.Errors {
		if e.Status != strconv.Itoa(a.status) || e.Code == "" || e.Title == "" {
			t.Errorf("invalid error %+v in a response with status %d", e, a.status)
		}
	}
	return d
}

// problems returns the errors of the response, each as its code and its source.
func (a reply) problems(t testing.TB) string {
	t.Helper()
	var all []string
	for _, e := range a.document(t).Errors {
		text := e.Code
		if e.Source != nil {
			text += " " + e.Source.Pointer + e.Source.Parameter
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// integration is the JSON form of a web integration.
type integration struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	LastUpdated  time.Time `json:"lastUpdated"`
	TenantID     string    `json:"tenantId"`
	CreatedBy    string    `json:"createdBy"`
	ValidOrigins []string  `json:"validOrigins"`
}

// integration returns the web integration in the response.
func (a reply) integration(t testing.TB) integration {
	t.Helper()
	var i integration
	if err := json.Unmarshal([]byte(a.body), &i); err != nil {
		t.Fatalf("decoding %q: %v", a.body, err)
	}
	return i
}

// create creates a web integration through the API.
func (g *testAPI) create(name string, validOrigins ...string) integration {
	g.t.Helper()
	body, _ := json.Marshal(map[string]any{"name": name, "validOrigins": append([]string{}, validOrigins...)})
	got := g.send(request{method: "POST", path: collection, body: string(body)})
	if got.status != http.StatusCreated {
		g.t.Fatalf("creating %s: status %d: %s", name, got.status, got.body)
	}
	return got.integration(g.t)
}

// read requests a web integration.
func (g *testAPI) read(id string) reply {
	g.t.Helper()
	return g.send(request{path: collection + "/" + id})
}

// patch sends a JSON Patch.
func (g *testAPI) patch(id, body string) reply {
	g.t.Helper()
	return g.send(request{method: "PATCH", path: collection + "/" + id, body: body})
}

// isListed reports whether acme's list lists origin.
func (g *testAPI) isListed(origin string) bool {
	g.t.Helper()
	l, err := g.lists.List(context.Background(), "acme")
	if err != nil {
		g.t.Fatal(err)
	}
	return l.Contains(origin)
}

// createForeign creates a web integration of another tenant and returns its id.
func (g *testAPI) createForeign() string {
	g.t.Helper()
	w, err := g.store.Store.Create(context.Background(), store.WebIntegration{
		ID: store.NewID(), TenantID: "globex", Name: "theirs", ValidOrigins: []string{"https://globex.example"},
		Created: time.Now().UTC().Truncate(time.Second), LastUpdated: time.Now().UTC().Truncate(time.Second),
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return w.ID
}
