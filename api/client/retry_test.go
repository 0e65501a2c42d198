package client_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/api/client"
)

// failingServer fails the first requests with these outcomes: an error, or a
// status. The others succeed.
type failingServer struct {
	outcomes []any
	requests int
}

func (s *failingServer) send(r *http.Request) (*http.Response, error) {
	s.requests++
	response := httptest.NewRecorder()
	if s.requests > len(s.outcomes) {
		success := map[string]int{http.MethodPost: 201, http.MethodPatch: 204, http.MethodDelete: 204}[r.Method]
		respondWith(max(success, 200), `{"id":"x","data":[]}`)(response, r)
		return response.Result(), nil
	}
	if err, failed := s.outcomes[s.requests-1].(error); failed {
		return nil, err
	}
	response.WriteHeader(s.outcomes[s.requests-1].(int))
	return response.Result(), nil
}

// client returns a client with this number of retries.
func (s *failingServer) client(retries int) *client.Client {
	return &client.Client{Server: "https://acme.example.com", HTTPClient: &http.Client{Transport: roundTripFunc(s.send)}, Retries: retries}
}

func TestClient_RetriesTransientErrors(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	safe := []string{"Get", "Page", "Patch", "Delete"}
	all := append([]string{"Create"}, safe...)
	for _, row := range []struct {
		rule     string
		retries  int
		outcomes []any
		calls    []string // those that succeed
	}{
		{"no retries", 0, []any{503}, nil},
		{"connection refused", 1, []any{refused}, all},
		{"several errors", 3, []any{refused, 503, reset}, safe},
		{"too many errors", 2, []any{refused, refused, refused}, nil},
		{"connection reset", 1, []any{reset}, safe},
		{"service unavailable", 1, []any{503}, safe},
		{"bad gateway and gateway timeout", 2, []any{502, 504}, safe},
		{"internal server error", 3, []any{500}, nil},
		{"bad request", 3, []any{400}, nil},
		{"redirect", 3, []any{302}, nil},
		{"no TLS", 3, []any{http.ErrSchemeMismatch}, nil},
		{"canceled", 3, []any{context.Canceled}, nil},
	} {
		for _, name := range all {
			synctest.Test(t, func(t *testing.T) {
				server, began, retries := &failingServer{outcomes: row.outcomes}, time.Now(), 0
				c := server.client(row.retries)
				c.RetryInterval, c.OnRetry = 3*time.Second, func(error) { retries++ }
				err := allCalls(c)[name](t.Context())
				if (err == nil) != slices.Contains(row.calls, name) {
					t.Errorf("%s: %s: error %v", row.rule, name, err)
				}
				if server.requests > row.retries+1 || retries != server.requests-1 || time.Since(began) != time.Duration(retries)*3*time.Second {
					t.Errorf("%s: %s: %d requests, OnRetry called %d times, in %v", row.rule, name, server.requests, retries, time.Since(began))
				}
			})
		}
	}
}

func TestClient_DoesNotRetryAfterDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &failingServer{outcomes: []any{503, 503}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := server.client(9).Get(ctx, "x"); server.requests != 1 || statusOf(err) != 503 {
			t.Errorf("%d requests, error %v, want one request and status 503", server.requests, err)
		}
	})
}
