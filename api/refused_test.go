package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/api/refusals"
	"originwarden/origins"
	"originwarden/store"
)

const refusedOrigins = "/api/v1/refused-origins"

// newTestAPIWithRefusals returns an API with recorded refusals of two tenants.
func newTestAPIWithRefusals(t *testing.T) *testAPI {
	g := newTestAPI(t)
	g.config.Refusals = refusals.New(g.store, time.Minute, nil)
	g.serve(func(h http.Handler) http.Handler { return h })
	then := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	record := func(tenant, origin string, reason origins.Reason, path string, at time.Time) {
		own := strings.HasPrefix(path, "/own")
		g.config.Refusals.Record(tenant, refusals.Request{Origin: origin, Reason: reason, Method: "GET", Path: path, Agent: "chrome", OwnHost: own, Time: at})
	}
	record("acme", "http://a.example", origins.OriginNotListed, "/one", then)
	record("acme", "http://a.example", origins.OriginNotListed, "/two", then.Add(time.Minute))
	record("acme", "nonsense\xff\x1b", origins.OriginMalformed, "/\xff", then.Add(-time.Hour))
	record("acme", "https://own.example", origins.OriginNotListed, "/own.js", then.Add(-2*time.Hour))
	record("globex", "https://them.example", origins.OriginNotListed, "/", then)
	return g
}

func TestRefusedOrigins_ReturnsOwnTenantWithNearestEntry(t *testing.T) {
	g := newTestAPIWithRefusals(t)
	g.create("n", "https://a.example")
	got := g.send(request{path: refusedOrigins})
	want := `{"data":[` +
		`{"origin":"http://a.example","reason":"origin_not_listed","count":2,"first":"2026-01-02T03:04:05Z","last":"2026-01-02T03:05:05Z",` +
		`"path":"/two","method":"GET","agent":"chrome","nearest":{"origin":"https://a.example","relation":"other_scheme"}},` +
		`{"origin":"nonsense` + "\uFFFD" + `\u001b","reason":"origin_malformed","count":1,"first":"2026-01-02T02:04:05Z","last":"2026-01-02T02:04:05Z",` +
		`"path":"/` + "\uFFFD" + `","method":"GET","agent":"chrome"},` +
		`{"origin":"https://own.example","reason":"origin_not_listed","count":1,"first":"2026-01-02T01:04:05Z","last":"2026-01-02T01:04:05Z",` +
		`"path":"/own.js","method":"GET","agent":"chrome","ownHost":true}]}`
	if got.status != http.StatusOK || got.body != want {
		t.Errorf("status %d, want 200\n got %s\nwant %s", got.status, got.body, want)
	}
}

func TestRefusedOrigins_RequiresAdministrator(t *testing.T) {
	g := newTestAPIWithRefusals(t)
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", refusedOrigins, adminToken, http.StatusOK},
		{"HEAD", refusedOrigins, adminToken, http.StatusOK},
		{"GET", refusedOrigins, globalToken, http.StatusOK},
		{"GET", refusedOrigins, readerToken, http.StatusForbidden},
		{"GET", refusedOrigins, otherToken, http.StatusForbidden},
		{"GET", refusedOrigins, "nobody's", http.StatusUnauthorized},
		{"DELETE", refusedOrigins, adminToken, http.StatusMethodNotAllowed},
		{"POST", refusedOrigins, adminToken, http.StatusMethodNotAllowed},
		{"GET", refusedOrigins + "/dismiss", adminToken, http.StatusMethodNotAllowed},
		{"POST", refusedOrigins + "/dismiss", readerToken, http.StatusForbidden},
		{"POST", refusedOrigins + "/restore", readerToken, http.StatusForbidden},
		{"POST", refusedOrigins + "/dismiss", otherToken, http.StatusForbidden},
		{"POST", refusedOrigins + "/dismiss", "nobody's", http.StatusUnauthorized},
		{"POST", refusedOrigins + "/dismiss/", adminToken, http.StatusNotFound},
		{"GET", refusedOrigins + "/", adminToken, http.StatusNotFound},
		{"GET", refusedOrigins + "/x", adminToken, http.StatusNotFound},
		{"GET", refusedOrigins + "/../web-integrations", adminToken, http.StatusNotFound},
	} {
		if got := g.send(request{method: c.method, path: c.path, token: c.token}); got.status != c.status {
			t.Errorf("%s %s with token %s: status %d, want %d", c.method, c.path, c.token, got.status, c.status)
		}
	}
}

func TestRefusedOrigins_EmptyReturnsEmptyArray(t *testing.T) {
	if got := newTestAPI(t).send(request{path: refusedOrigins}); got.status != http.StatusOK || got.body != `{"data":[]}` {
		t.Errorf("status %d, body %s, want an empty array", got.status, got.body)
	}
}

// If the method or the header was refused, no entry would change that.
func TestRefusedOrigins_OmitsNearestEntryForMethodAndHeader(t *testing.T) {
	for reason, want := range map[origins.Reason]bool{
		origins.OriginNotInWebIntegration: true,
		origins.MethodNotAllowed:          false,
		origins.HeaderNotAllowed:          false,
	} {
		g := newTestAPI(t)
		g.config.Refusals = refusals.New(g.store, time.Minute, nil)
		g.serve(func(h http.Handler) http.Handler { return h })
		g.create("n", "https://a.example")
		g.config.Refusals.Record("acme", refusals.Request{Origin: "https://a.example", Reason: reason, Path: "/", Time: time.Now()})
		if got := g.send(request{path: refusedOrigins}); strings.Contains(got.body, "nearest") != want {
			t.Errorf("%s: has nearest: %v, want %v: %s", reason, !want, want, got.body)
		}
	}
}

func TestRefusedOrigins_SelectsByQuery(t *testing.T) {
	g := newTestAPIWithRefusals(t)
	g.dismiss("https://own.example", http.StatusNoContent)
	for _, row := range []struct {
		query string
		want  string // the origins, or the status and the parameters that are wrong
	}{
		{"", "http://a.example nonsense\uFFFD\x1b"},
		{"?since=2026-01-02T03:05:05Z", "http://a.example"},
		{"?since=2026-01-02T04:05:05%2B01:00", "http://a.example"},
		{"?since=2026-01-02T04:05:05+01:00", "http://a.example"},
		{"?since=2026-01-02T03:05:06Z", ""},
		{"?reason=origin_malformed", "nonsense\uFFFD\x1b"},
		{"?reason=list_stale", ""},
		{"?dismissed=false", "http://a.example nonsense\uFFFD\x1b"},
		{"?dismissed=true", "https://own.example"},
		{"?dismissed=true&dismissed=false", "https://own.example"},
		{"?dismissed=all&reason=origin_not_listed", "http://a.example https://own.example"},
		{"?unknown=1", "http://a.example nonsense\uFFFD\x1b"},
		{"?since=24h&reason=listed&dismissed=", "WEBINTEGRATIONS-6 since, WEBINTEGRATIONS-6 reason, WEBINTEGRATIONS-6 dismissed"},
		{"?since=&reason=", "WEBINTEGRATIONS-6 since, WEBINTEGRATIONS-6 reason"},
		{"?since=%", "BAD_REQUEST"},
	} {
		got := g.send(request{path: refusedOrigins + row.query})
		found := ""
		if got.status == http.StatusBadRequest {
			found = got.problems(t)
		} else {
			found = strings.Join(got.refused(t), " ")
		}
		if found != row.want {
			t.Errorf("%s: %q, want %q", row.query, found, row.want)
		}
	}
}

// refused returns the origins in the response.
func (a reply) refused(t testing.TB) (all []string) {
	t.Helper()
	var document struct{ Data []struct{ Origin string } }
	if err := json.Unmarshal([]byte(a.body), &document); err != nil {
		t.Fatalf("decoding %q: %v", a.body, err)
	}
	for _, r := range document.Data {
		all = append(all, r.Origin)
	}
	return all
}

func (g *testAPI) dismiss(origin string, status int) {
	g.t.Helper()
	body, _ := json.Marshal(map[string]string{"origin": origin})
	if got := g.send(request{method: "POST", path: refusedOrigins + "/dismiss", body: string(body)}); got.status != status {
		g.t.Errorf("dismissing %q: status %d, want %d: %s", origin, got.status, status, got.body)
	}
}

func TestRefusedOrigins_DismissesAndRestores(t *testing.T) {
	g := newTestAPIWithRefusals(t)
	g.dismiss("nonsense\uFFFD\x1b", http.StatusNoContent)
	g.dismiss("https://them.example", http.StatusNotFound) // of the other tenant
	g.config.Refusals.Record("acme", refusals.Request{Origin: "nonsense\xff\x1b", Reason: origins.OriginMalformed, Time: time.Now()})
	got := g.send(request{path: refusedOrigins + "?dismissed=true"})
	if all := got.refused(t); len(all) != 1 || !strings.Contains(got.body, `"count":2`) || !strings.Contains(got.body, `"dismissed":"`) {
		t.Errorf("dismissed: %s, want the origin with count 2", got.body)
	}
	for _, status := range []int{http.StatusNoContent, http.StatusNoContent} { // twice is no error
		if got := g.send(request{method: "POST", path: refusedOrigins + "/restore", body: `{"origin":"nonsense\uFFFD\u001b"}`}); got.status != status {
			t.Errorf("restoring: status %d, want %d: %s", got.status, status, got.body)
		}
	}
	if got := g.send(request{path: refusedOrigins}); len(got.refused(t)) != 3 || strings.Contains(got.body, "dismissed") {
		t.Errorf("restored: %s, want three that are not dismissed", got.body)
	}
}

func TestRefusedOrigins_RefusesInvalidDismissal(t *testing.T) {
	g := newTestAPIWithRefusals(t)
	for _, row := range []struct {
		body, contentType string
		status            int
	}{
		{`{"origin":"http://a.example"}`, "text/plain", http.StatusUnsupportedMediaType},
		{`{"origin":"http://a.example"}`, "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		{``, "application/json", http.StatusBadRequest},
		{`null`, "application/json", http.StatusBadRequest},
		{`{}`, "application/json", http.StatusBadRequest},
		{`{"origin":null}`, "application/json", http.StatusBadRequest},
		{`{"origin":1}`, "application/json", http.StatusBadRequest},
		{`{"origin":"http://a.example","reason":"x"}`, "application/json", http.StatusBadRequest},
		{`["http://a.example"]`, "application/json", http.StatusBadRequest},
		{`{"origin":"` + strings.Repeat("a", 5000) + `"}`, "application/json", http.StatusRequestEntityTooLarge},
	} {
		got := g.send(request{method: "POST", path: refusedOrigins + "/dismiss", body: row.body, header: map[string]string{"Content-Type": row.contentType}})
		if got.status != row.status {
			t.Errorf("%.40s as %s: status %d, want %d: %s", row.body, row.contentType, got.status, row.status, got.body)
		}
	}
}

func TestRefusedOrigins_MarksWhatIsListedByNow(t *testing.T) {
	g := newTestAPIWithRefusals(t)
	g.create("n", "http://a.example")
	if got := g.send(request{path: refusedOrigins + "?reason=origin_not_listed"}); strings.Count(got.body, `"listed":true`) != 1 {
		t.Errorf("%s, want one origin that is listed", got.body)
	}
}

// failingInventory is a store that has no refusals to read or to write.
type failingInventory struct{ store.Store }

func (failingInventory) AddRefusals(context.Context, []store.TenantRefusals) (int, error) {
	return 0, &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errors.New("full")}
}

func (failingInventory) Refusals(context.Context, string) ([]store.Refusal, error) {
	return nil, errors.New("unreachable")
}

func TestRefusedOrigins_ReportsWhatItHasWithoutStore(t *testing.T) {
	g := newTestAPIWithRefusals(t)
	var logged atomic.Int32
	g.config.Log = func(context.Context, error) { logged.Add(1) }
	g.config.Refusals = refusals.New(failingInventory{g.store}, time.Minute, nil)
	g.serve(func(h http.Handler) http.Handler { return h })
	g.config.Refusals.Record("acme", refusals.Request{Origin: "https://new.example", Reason: origins.OriginNotListed, Time: time.Now()})
	got := g.send(request{path: refusedOrigins})
	if all := got.refused(t); got.status != http.StatusOK || len(all) != 1 || !strings.HasSuffix(got.body, `,"partial":true}`) || logged.Load() != 1 {
		t.Errorf("status %d, %s, logged %d times; want the origin, partial, and once", got.status, got.body, logged.Load())
	}
	g.dismiss("https://new.example", http.StatusServiceUnavailable)
	if got := g.send(request{path: refusedOrigins}); len(got.refused(t)) != 1 {
		t.Errorf("%s, want the origin still", got.body)
	}
}
