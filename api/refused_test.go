package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"originwarden/api/refusals"
	"originwarden/origins"
)

const refusedOrigins = "/api/v1/refused-origins"

// newTestAPIWithRefusals returns an API with recorded refusals of two tenants.
func newTestAPIWithRefusals(t *testing.T) *testAPI {
	g := newTestAPI(t)
	g.config.Refusals = &refusals.Recent{}
	g.serve(func(h http.Handler) http.Handler { return h })
	then := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	record := func(tenant, origin string, reason origins.Reason, path string, at time.Time) {
		own := strings.HasPrefix(path, "/own")
		g.config.Refusals.Record(tenant, refusals.Request{Origin: origin, Reason: reason, Path: path, OwnHost: own, Time: at})
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
		`"path":"/two","nearest":{"origin":"https://a.example","relation":"other_scheme"}},` +
		`{"origin":"nonsense` + "\uFFFD" + `\u001b","reason":"origin_malformed","count":1,"first":"2026-01-02T02:04:05Z","last":"2026-01-02T02:04:05Z",` +
		`"path":"/` + "\uFFFD" + `"},` +
		`{"origin":"https://own.example","reason":"origin_not_listed","count":1,"first":"2026-01-02T01:04:05Z","last":"2026-01-02T01:04:05Z",` +
		`"path":"/own.js","ownHost":true}]}`
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
		g.config.Refusals = &refusals.Recent{}
		g.serve(func(h http.Handler) http.Handler { return h })
		g.create("n", "https://a.example")
		g.config.Refusals.Record("acme", refusals.Request{Origin: "https://a.example", Reason: reason, Path: "/", Time: time.Now()})
		if got := g.send(request{path: refusedOrigins}); strings.Contains(got.body, "nearest") != want {
			t.Errorf("%s: has nearest: %v, want %v: %s", reason, !want, want, got.body)
		}
	}
}
