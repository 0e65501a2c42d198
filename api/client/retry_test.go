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

// outcomes are those of a server's first requests: an error, or a status. The
// others get a web integration.
type outcomes struct {
	of       []any
	requests int
}

func (o *outcomes) send(r *http.Request) (*http.Response, error) {
	o.requests++
	answer := httptest.NewRecorder()
	if o.requests > len(o.of) {
		success := map[string]int{http.MethodPost: 201, http.MethodPatch: 204, http.MethodDelete: 204}[r.Method]
		answering(max(success, 200), `{"id":"x","data":[]}`)(answer, r)
		return answer.Result(), nil
	}
	if err, failed := o.of[o.requests-1].(error); failed {
		return nil, err
	}
	answer.WriteHeader(o.of[o.requests-1].(int))
	return answer.Result(), nil
}

// client is one that repeats requests.
func (o *outcomes) client(retries int) *client.Client {
	return &client.Client{Server: "https://acme.example.com", HTTPClient: &http.Client{Transport: roundTrip(o.send)}, Retries: retries}
}

func TestClient_RepeatsWhatMayPass(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	cut := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	safe := []string{"Get", "Page", "Patch", "Delete"}
	all := append([]string{"Create"}, safe...)
	for _, row := range []struct {
		rule    string
		retries int
		of      []any
		calls   []string // that succeed
	}{
		{"nothing, unless it is told to", 0, []any{503}, nil},
		{"a server that is not there", 1, []any{refused}, all},
		{"as often as it is told", 3, []any{refused, 503, cut}, safe},
		{"and no more often", 2, []any{refused, refused, refused}, nil},
		{"a response that did not come", 1, []any{cut}, safe},
		{"a server that is away for a while", 1, []any{503}, safe},
		{"one behind another that is", 2, []any{502, 504}, safe},
		{"no other status", 3, []any{500}, nil},
		{"no mistake", 3, []any{400}, nil},
		{"no redirect", 3, []any{302}, nil},
		{"no server that speaks no TLS", 3, []any{http.ErrSchemeMismatch}, nil},
		{"nothing that was called off", 3, []any{context.Canceled}, nil},
	} {
		for _, name := range all {
			synctest.Test(t, func(t *testing.T) {
				server, began, told := &outcomes{of: row.of}, time.Now(), 0
				c := server.client(row.retries)
				c.RetryInterval, c.OnRetry = 3*time.Second, func(error) { told++ }
				err := everyCall(c)[name](t.Context())
				if (err == nil) != slices.Contains(row.calls, name) {
					t.Errorf("%s: %s: %v", row.rule, name, err)
				}
				if server.requests > row.retries+1 || told != server.requests-1 || time.Since(began) != time.Duration(told)*3*time.Second {
					t.Errorf("%s: %s: %d requests, told %d times, in %v", row.rule, name, server.requests, told, time.Since(began))
				}
			})
		}
	}
}

func TestClient_RepeatsNothingBeyondItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &outcomes{of: []any{503, 503}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := server.client(9).Get(ctx, "x"); server.requests != 1 || statusOf(err) != 503 {
			t.Errorf("%d requests, %v", server.requests, err)
		}
	})
}
