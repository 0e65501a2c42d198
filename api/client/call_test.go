package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"originwarden/api/client"
)

func TestClient_DoesNotFollowRedirects(t *testing.T) {
	otherServer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("unexpected request %s to %s with headers %v", r.Method, r.Host, r.Header)
	}))
	defer otherServer.Close()
	var location string
	var status, requests int
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}))
	c.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for _, location = range []string{otherServer.URL, otherServer.URL + "/api/v1/web-integrations", "/api/v1/web-integrations?x", "//evil.example/"} {
		for _, status = range []int{301, 302, 303, 307, 308} {
			for name, call := range allCalls(c) {
				requests = 0
				err := call(t.Context())
				if statusOf(err) != status || requests != 1 || !strings.Contains(err.Error(), fmt.Sprintf("%q", location)) {
					t.Errorf("%s, redirect %d to %s: %d requests, error %v, want one request and an error with the location", name, status, location, requests, err)
				}
			}
		}
	}
}

func TestClient_AcceptsOnlyDocumentedStatus(t *testing.T) {
	var status int
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if status != 204 && status != 304 {
			io.WriteString(w, `{"id":"x","data":[]}`)
		}
	}))
	success := map[string]int{"Page": 200, "Get": 200, "Create": 201, "Patch": 204, "Delete": 204}
	for _, status = range []int{200, 201, 202, 204, 206, 304, 400, 404, 409, 418, 500, 502} {
		for name, call := range allCalls(c) {
			err := call(t.Context())
			if succeeded := err == nil; succeeded != (status == success[name]) || !succeeded && statusOf(err) != status {
				t.Errorf("%s with response status %d: error %v", name, status, err)
			}
		}
	}
}

func TestClient_RejectsInvalidResponses(t *testing.T) {
	page := func(c *client.Client) error { _, err := c.Page(t.Context(), client.ListOptions{}); return err }
	get := func(c *client.Client) error { _, err := c.Get(t.Context(), "x"); return err }
	for _, row := range []struct {
		rule, body string
		call       func(*client.Client) error
	}{
		{"empty body", ``, page},
		{"HTML", `<html><title>Log in</title>`, page},
		{"truncated JSON", `{"data":[`, page},
		{"trailing data", `{"data":[]}{}`, page},
		{"null", `null`, page},
		{"page without data", `{"links":{}}`, page},
		{"page with null data", `{"data":null}`, page},
		{"page with an object as data", `{"data":{}}`, page},
		{"null element", `{"data":[null]}`, page},
		{"element without id", `{"data":[{"id":"x"},{"name":"n"}]}`, page},
		{"string as link", `{"data":[],"links":{"next":"https://acme.example.com"}}`, page},
		{"empty object", `{}`, get},
		{"null instead of an object", `null`, get},
		{"array instead of an object", `[{"id":"x"}]`, get},
		{"invalid time", `{"id":"x","created":"yesterday"}`, get},
		{"nested too deeply", strings.Repeat("[", 100_000), get},
	} {
		err := row.call(newInMemoryClient(respondWith(200, row.body, "Content-Type", "text/\"x")))
		if err == nil || statusOf(err) != 0 || !strings.Contains(err.Error(), `GET https://acme.example.com/api/v1/web-integrations`) || !strings.Contains(err.Error(), `"text/\"x"`) {
			t.Errorf("%s: error %v, want one with the URL and the content type", row.rule, err)
		}
	}
}

func TestClient_LimitsResponseSize(t *testing.T) {
	const body = `{"id":"x","data":[]}`
	c := newClient(t, respondWith(200, body))
	for limit, fits := range map[int64]bool{0: true, int64(len(body)): true, int64(len(body)) - 1: false, 1: false, -1: false, 1<<63 - 1: true} {
		c.MaxResponse = limit
		_, err := c.Get(t.Context(), "x")
		if fits && err != nil || !fits && !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("limit of %d bytes: error %v, want success: %v", limit, err, fits)
		}
	}
}

func TestClient_StopsReadingEndlessResponse(t *testing.T) {
	var status int
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		chunk := []byte(strings.Repeat(" ", 1<<16))
		for r.Context().Err() == nil {
			w.Write(chunk)
		}
	}))
	c.MaxResponse = 1 << 20
	status = 200
	if _, err := c.Page(t.Context(), client.ListOptions{}); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("status 200: error %v, want ErrTooLarge", err)
	}
	status = 400
	if _, err := c.Page(t.Context(), client.ListOptions{}); statusOf(err) != 400 {
		t.Errorf("status 400: error %v, want one with the status", err)
	}
}

func TestClient_DetectsTruncatedResponse(t *testing.T) {
	c := newClient(t, respondWith(200, `{"id":"x"}`, "Content-Length", "100"))
	if _, err := c.Get(t.Context(), "x"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want io.ErrUnexpectedEOF", err)
	}
}

func TestClient_SendsHeadersAndBody(t *testing.T) {
	var got *http.Request
	var body string
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		raw, _ := io.ReadAll(r.Body)
		body = string(raw)
	}))
	calls := allCalls(c)
	for name, want := range map[string]struct{ contentType, body string }{
		"Page": {}, "Get": {}, "Delete": {},
		"Create": {"application/json", `{"name":"n","validOrigins":[]}`},
		"Patch":  {"application/json", `[]`},
	} {
		calls[name](t.Context())
		h := got.Header
		if h.Get("Authorization") != "Bearer "+adminToken || h.Get("Accept") != "application/json" || h.Get("Content-Type") != want.contentType || body != want.body {
			t.Errorf("%s sent headers %v and body %q, want Content-Type %q and body %q", name, h, body, want.contentType, want.body)
		}
		if h["Origin"] != nil || h["If-Match"] != nil {
			t.Errorf("%s sent Origin or If-Match: %v", name, h)
		}
	}
}
