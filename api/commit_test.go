package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/envelope"
	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/store"
)

func TestWrite_IsInForceBeforeResponse(t *testing.T) {
	g := newTestAPI(t)
	if g.isListed("https://a.example") {
		t.Fatal("an origin is listed before it was added")
	}
	id := g.create("n", "https://a.example", "https://keeps.example").ID
	if !g.isListed("https://a.example") {
		t.Error("the origin is not listed after the creation")
	}
	g.patch(id, `[{"op":"replace","path":"/validOrigins","value":["https://B.example","https://keeps.example"]}]`)
	if g.isListed("https://a.example") || !g.isListed("https://b.example") || !g.isListed("https://keeps.example") {
		t.Error("the list does not match the patch")
	}
	g.send(request{method: "DELETE", path: collection + "/" + id})
	if g.isListed("https://b.example") || g.isListed("https://keeps.example") {
		t.Error("an origin is listed after the deletion")
	}
	if stats := g.lists.Stats(); stats.Loads != 1 {
		t.Errorf("the list was loaded %d times, want 1: writes must update it", stats.Loads)
	}
}

// errInside is an error with internals that only the operator may see.
var errInside = errors.New("pq: SELECT * FROM /var/lib/secret failed at 10.0.0.7")

func TestStoreFailure_Returns503WithoutInternals(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	var logged []error
	var traced []string
	g.config.Log = func(ctx context.Context, err error) {
		logged = append(logged, err)
		traced = append(traced, envelope.TraceID(ctx))
	}
	g.serve(func(h http.Handler) http.Handler { return h })
	g.failAll()
	for i, r := range []request{
		{path: collection},
		{path: collection + "/" + id},
		{method: "POST", path: collection, body: `{"name":"n"}`},
		{method: "PATCH", path: collection + "/" + id, body: `[{"op":"replace","path":"/name","value":"m"}]`},
		{method: "PATCH", path: collection + "/" + id, body: `[]`},
		{method: "DELETE", path: collection + "/" + id},
	} {
		got := g.send(r)
		if got.status != http.StatusServiceUnavailable || got.problems(t) != "STORE_UNAVAILABLE" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d, headers %v: %s", r.method, got.status, got.header, got.body)
		}
		for _, name := range []string{"ETag", "Location", "Web-Integrations-Revision"} {
			if got.header.Get(name) != "" {
				t.Errorf("%s: error response with header %s", r.method, name)
			}
		}
		if strings.Contains(got.body, "secret") || strings.Contains(got.body, "SELECT") {
			t.Errorf("%s: response contains internals: %s", r.method, got.body)
		}
		if len(logged) != i+1 || !errors.Is(logged[i], errInside) || traced[i] != got.document(t).TraceID {
			t.Fatalf("%s: logged %v with trace ids %v, response %s", r.method, logged, traced, got.body)
		}
	}
}

// failAll makes every call of the store fail without effect.
func (g *testAPI) failAll() {
	g.store.page = func(context.Context, string, store.Query) (store.Page, error) { return store.Page{}, errInside }
	g.store.integration = func(context.Context, string, string) (store.WebIntegration, error) {
		return store.WebIntegration{}, errInside
	}
	g.store.create = func(context.Context, store.WebIntegration) (store.WebIntegration, error) {
		return store.WebIntegration{}, errInside
	}
	g.store.edit = func(context.Context, string, string, func(*store.WebIntegration) error) (store.WebIntegration, error) {
		return store.WebIntegration{}, errInside
	}
	g.store.delete = func(context.Context, string, string, func(store.WebIntegration) error) (uint64, error) {
		return 0, errInside
	}
}

func TestWrite_ReloadsListAfterUnknownOutcome(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		fail  func(*hooks)
		write func(id string) request
		was   string
		is    string
	}{
		{"creation that was made", func(h *hooks) {
			h.create = func(ctx context.Context, w store.WebIntegration) (store.WebIntegration, error) {
				h.Store.Create(ctx, w)
				return store.WebIntegration{}, errInside
			}
		}, func(string) request {
			return request{method: "POST", path: collection, body: `{"name":"m","validOrigins":["https://new.example"]}`}
		}, "https://old.example", "https://new.example"},
		{"change that was made", func(h *hooks) {
			h.edit = func(ctx context.Context, tenant, id string, edit func(*store.WebIntegration) error) (store.WebIntegration, error) {
				h.Store.Edit(ctx, tenant, id, edit)
				return store.WebIntegration{}, errInside
			}
		}, func(id string) request {
			return request{method: "PATCH", path: collection + "/" + id, body: `[{"op":"replace","path":"/validOrigins","value":["https://new.example"]}]`}
		}, "", "https://new.example"},
		{"deletion that was made", func(h *hooks) {
			h.delete = func(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (uint64, error) {
				h.Store.Delete(ctx, tenant, id, allow)
				return 0, errInside
			}
		}, func(id string) request { return request{method: "DELETE", path: collection + "/" + id} }, "", ""},
		{"change that was not made", func(h *hooks) {
			h.edit = func(context.Context, string, string, func(*store.WebIntegration) error) (store.WebIntegration, error) {
				return store.WebIntegration{}, errInside
			}
		}, func(id string) request {
			return request{method: "PATCH", path: collection + "/" + id, body: `[{"op":"replace","path":"/validOrigins","value":["https://new.example"]}]`}
		}, "https://old.example", ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			g := newTestAPI(t)
			g.config.Log = nil
			changed := make(chan string, 10)
			g.lists.Subscribe(func(tenant string) { changed <- tenant })
			g.serve(func(h http.Handler) http.Handler { return h })
			id := g.create("n", "https://old.example").ID
			if !g.isListed("https://old.example") {
				t.Fatal("https://old.example is not listed")
			}
			tt.fail(g.store)
			if got := g.send(tt.write(id)); got.status != http.StatusServiceUnavailable {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			<-changed // by the creation
			<-changed // by the unknown outcome
			g.isListed("https://old.example")
			<-changed // by the load that isListed started
			if got := g.isListed("https://old.example"); got != (tt.was != "") {
				t.Errorf("old origin listed: %v", got)
			}
			if got := g.isListed("https://new.example"); got != (tt.is != "") {
				t.Errorf("new origin listed: %v", got)
			}
			if loads := g.lists.Stats().Loads; loads != 2 {
				t.Errorf("the list was loaded %d times, want 2", loads)
			}
		})
	}
}

func TestWrite_DoesNotReloadListAfterKnownOutcome(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n", "https://a.example").ID
	g.isListed("https://a.example")
	for _, r := range []request{
		{method: "PATCH", path: collection + "/" + store.NewID(), body: `[]`},
		{method: "PATCH", path: collection + "/" + id, body: `[]`},
		{method: "PATCH", path: collection + "/" + id, body: `[]`, header: map[string]string{"If-Match": `"x"`}},
		{method: "DELETE", path: collection + "/" + id, header: map[string]string{"If-Match": `"x"`}},
		{method: "DELETE", path: collection + "/" + store.NewID()},
		{method: "POST", path: collection, body: `{}`},
	} {
		g.send(r)
		if !g.isListed("https://a.example") || g.lists.Stats().Loads != 1 {
			t.Errorf("%s %s %v: the list was reloaded or lost an origin", r.method, r.body, r.header)
		}
	}
}

func TestStoreCall_EndsAtTimeout(t *testing.T) {
	for _, r := range []request{
		{method: "GET", path: collection},
		{method: "GET", path: collection + "/" + store.NewID()},
		{method: "POST", path: collection, body: `{"name":"n"}`},
		{method: "PATCH", path: collection + "/" + store.NewID(), body: `[]`},
		{method: "DELETE", path: collection + "/" + store.NewID()},
	} {
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler := api.New(api.Config{
					Store: hangingStore(), Lists: liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 1, Origins: 1}, Timeout: 2 * time.Second}, nil),
					Settings: api.Settings{Auth: auth.Settings{Tokens: tokens()}, Limits: api.Limits{Origins: 1, Body: 100}, Timeout: 2 * time.Second},
				}).Tenant("acme")
				w, begin := httptest.NewRecorder(), time.Now()
				handler.ServeHTTP(w, r.build(t, "http://acme.example"))
				if took := time.Since(begin); w.Code != http.StatusServiceUnavailable || took != 2*time.Second {
					t.Errorf("status %d after %v, want 503 after 2s", w.Code, took)
				}
			})
		})
	}
}

// hangingStore returns a store whose calls block until their context ends.
func hangingStore() *hooks {
	return &hooks{
		page: func(ctx context.Context, _ string, _ store.Query) (store.Page, error) {
			<-ctx.Done()
			return store.Page{}, ctx.Err()
		},
		integration: func(ctx context.Context, _, _ string) (store.WebIntegration, error) {
			<-ctx.Done()
			return store.WebIntegration{}, ctx.Err()
		},
		create: func(ctx context.Context, _ store.WebIntegration) (store.WebIntegration, error) {
			<-ctx.Done()
			return store.WebIntegration{}, ctx.Err()
		},
		edit: func(ctx context.Context, _, _ string, _ func(*store.WebIntegration) error) (store.WebIntegration, error) {
			<-ctx.Done()
			return store.WebIntegration{}, ctx.Err()
		},
		delete: func(ctx context.Context, _, _ string, _ func(store.WebIntegration) error) (uint64, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		},
	}
}

func TestWrite_IsAppliedIfClientDisconnects(t *testing.T) {
	g := newTestAPI(t)
	g.isListed("https://a.example") // loads the list
	entered, gone, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	g.store.create = func(ctx context.Context, w store.WebIntegration) (store.WebIntegration, error) {
		close(entered)
		<-gone
		if err := ctx.Err(); err != nil {
			t.Errorf("the write was canceled with its client: %v", err)
		}
		return g.store.Store.Create(ctx, w)
	}
	g.serve(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			go func() { <-r.Context().Done(); close(gone) }()
			h.ServeHTTP(w, r)
			close(done)
		})
	})
	ctx, hangUp := context.WithCancel(context.Background())
	go func() { <-entered; hangUp() }()
	req := request{method: "POST", path: collection, body: `{"name":"n","validOrigins":["https://a.example"]}`}.build(t, g.url)
	if _, err := g.client.Do(req.WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Fatalf("client error %v, want context.Canceled", err)
	}
	<-done
	if !g.isListed("https://a.example") || g.lists.Stats().Loads != 1 {
		t.Error("a committed write is not in force, or the list was reloaded")
	}
}

func TestRead_ClientDisconnectIsNotLogged(t *testing.T) {
	g := newTestAPI(t) // its Log fails the test
	entered, done := make(chan struct{}), make(chan struct{})
	g.store.page = func(ctx context.Context, _ string, _ store.Query) (store.Page, error) {
		close(entered)
		<-ctx.Done()
		return store.Page{}, ctx.Err()
	}
	g.serve(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			close(done)
		})
	})
	ctx, hangUp := context.WithCancel(context.Background())
	go func() { <-entered; hangUp() }()
	if _, err := g.client.Do(request{path: collection}.build(t, g.url).WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Fatalf("client error %v, want context.Canceled", err)
	}
	<-done
}

func TestTraceID_IsTakenFromRequest(t *testing.T) {
	g := newTestAPI(t)
	const id = "0af7651916cd43dd8448eb211c80319c"
	g.serve(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(envelope.WithTraceID(r.Context(), id)))
		})
	})
	if got := g.send(request{path: "/"}).document(t).TraceID; got != id {
		t.Errorf("trace id %s, want %s", got, id)
	}
}

// If a request loads the list between the commit and the end of the write, the
// write does not change the list. Subscribers are notified all the same: they
// check open tunnels again.
func TestWrite_NotifiesSubscribersIfListWasLoadedMeanwhile(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n", "https://a.example").ID
	g.store.delete = func(ctx context.Context, tenant, id string, allow func(store.WebIntegration) error) (uint64, error) {
		revision, err := g.store.Store.Delete(ctx, tenant, id, allow)
		if g.isListed("https://a.example") {
			t.Error("a deleted origin is listed")
		}
		return revision, err
	}
	notified := 0
	g.lists.Subscribe(func(string) { notified++ })
	if got := g.send(request{method: "DELETE", path: collection + "/" + id}); got.status != http.StatusNoContent || notified != 1 {
		t.Errorf("status %d: %s; notified %d times, want 1", got.status, got.body, notified)
	}
}

func TestWrite_DoesNotChangeListIfStoreWasReplacedMeanwhile(t *testing.T) {
	g := newTestAPI(t)
	if err := g.lists.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.isListed("https://a.example") // loads the list
	g.store.create = func(ctx context.Context, w store.WebIntegration) (store.WebIntegration, error) {
		g.store.resets.Store(true)
		if _, err := g.lists.Accept(ctx); err != nil {
			t.Error(err)
		}
		g.isListed("https://a.example")
		w.Revision = 1 << 40
		return w, nil
	}
	g.send(request{method: "POST", path: collection, body: `{"name":"n","validOrigins":["https://a.example"]}`})
	if g.isListed("https://a.example") {
		t.Error("an origin of the replaced store is listed")
	}
}
