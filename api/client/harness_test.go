package client_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/api/client"
	"originwarden/lists"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// Tokens of the tenant acme, by role.
const (
	adminToken  = "admin-of-acme"
	readerToken = "reader-of-acme"
)

// newAPI returns the API of the tenant acme and its SQLite store.
func newAPI(t testing.TB) (http.Handler, store.Store) {
	t.Helper()
	handler, s, err := openAPI(t.TempDir(), auth.RateLimits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return handler, s
}

// openAPI returns the API of the tenant acme with these rate limits, and its
// SQLite store in dir.
func openAPI(dir string, limits auth.RateLimits) (http.Handler, store.Store, error) {
	s, err := sqlite.Open(context.Background(), sqlite.Options{
		Path:    filepath.Join(dir, "lists.db"),
		Limits:  store.Limits{Integrations: 10_000, Origins: 100_000},
		History: store.Retention{Records: 1000},
	})
	if err != nil {
		return nil, nil, err
	}
	const timeout = 10 * time.Second
	a := api.New(api.Config{
		Store: s,
		Lists: lists.New(lists.Config{Store: s, Bounds: lists.Bounds{Tenants: 10, Origins: 100_000}, Timeout: timeout}),
		Settings: api.Settings{
			Limits:  api.Limits{Origins: 1000, Body: 1 << 20},
			Timeout: timeout,
			Auth: auth.Settings{RateLimits: limits, Tokens: []auth.Token{
				{Subject: "ops", Tenant: "acme", Role: auth.Admin, SHA256: sha256.Sum256([]byte(adminToken))},
				{Subject: "audit", Tenant: "acme", SHA256: sha256.Sum256([]byte(readerToken))},
			}},
		},
	})
	return a.Tenant("acme"), s, nil
}

// newClient returns an admin's client of a server that runs handler.
func newClient(t testing.TB, handler http.Handler) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &client.Client{Server: server.URL, Token: adminToken}
}

// newAPIClient returns an admin's client of newAPI.
func newAPIClient(t testing.TB) *client.Client {
	t.Helper()
	handler, _ := newAPI(t)
	return newClient(t, handler)
}

// respondWith returns a handler that sends this response. Headers are names and
// values in turn.
func respondWith(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

// roundTripFunc is an http.RoundTripper.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newInMemoryClient returns an admin's client that calls handler without a
// network.
func newInMemoryClient(handler http.Handler) *client.Client {
	transport := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result(), nil
	})
	return &client.Client{Server: "https://acme.example.com", Token: adminToken, HTTPClient: &http.Client{Transport: transport}}
}

// allCalls returns the methods of c that send one request.
func allCalls(c *client.Client) map[string]func(context.Context) error {
	const id = "000000000000000000000000000000AA"
	return map[string]func(context.Context) error{
		"Page":   func(ctx context.Context) error { _, err := c.Page(ctx, client.ListOptions{}); return err },
		"Get":    func(ctx context.Context) error { _, err := c.Get(ctx, id); return err },
		"Create": func(ctx context.Context) error { _, err := c.Create(ctx, "n", nil); return err },
		"Patch":  func(ctx context.Context) error { _, err := c.Patch(ctx, id, nil, ""); return err },
		"Delete": func(ctx context.Context) error { _, err := c.Delete(ctx, id, ""); return err },
	}
}

// statusOf returns the status of the *Error that err is, or 0.
func statusOf(err error) int {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Status
	}
	return 0
}
