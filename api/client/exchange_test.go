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

func TestClient_FollowsNoRedirectAndKeepsTheToken(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was asked with %v", r.Method, r.Host, r.Header)
	}))
	defer elsewhere.Close()
	var to string
	var status, requests int
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}))
	c.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for _, to = range []string{elsewhere.URL, elsewhere.URL + "/api/v1/web-integrations", "/api/v1/web-integrations?x", "//evil.example/"} {
		for _, status = range []int{301, 302, 303, 307, 308} {
			for name, call := range everyCall(c) {
				requests = 0
				err := call(t.Context())
				if statusOf(err) != status || requests != 1 || !strings.Contains(err.Error(), fmt.Sprintf("%q", to)) {
					t.Errorf("%s, %d to %s: %d requests, %v", name, status, to, requests, err)
				}
			}
		}
	}
}

func TestClient_TakesOnlyTheDocumentedStatusForSuccess(t *testing.T) {
	var status int
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if status != 204 && status != 304 {
			io.WriteString(w, `{"id":"x","data":[]}`)
		}
	}))
	success := map[string]int{"Page": 200, "Get": 200, "Create": 201, "Patch": 204, "Delete": 204}
	for _, status = range []int{200, 201, 202, 204, 206, 304, 400, 404, 409, 418, 500, 502} {
		for name, call := range everyCall(c) {
			err := call(t.Context())
			if succeeded := err == nil; succeeded != (status == success[name]) || !succeeded && statusOf(err) != status {
				t.Errorf("%s answered with %d: %v", name, status, err)
			}
		}
	}
}

func TestClient_RefusesAnswersThatAreNone(t *testing.T) {
	page := func(c *client.Client) error { _, err := c.Page(t.Context(), client.ListOptions{}); return err }
	get := func(c *client.Client) error { _, err := c.Get(t.Context(), "x"); return err }
	for _, row := range []struct {
		rule, body string
		call       func(*client.Client) error
	}{
		{"an empty page", ``, page},
		{"a page of HTML", `<html><title>Log in</title>`, page},
		{"broken JSON", `{"data":[`, page},
		{"trailing data", `{"data":[]}{}`, page},
		{"null", `null`, page},
		{"a page without data", `{"links":{}}`, page},
		{"a page whose data is null", `{"data":null}`, page},
		{"a page whose data is an object", `{"data":{}}`, page},
		{"an element that is null", `{"data":[null]}`, page},
		{"an element without an id", `{"data":[{"id":"x"},{"name":"n"}]}`, page},
		{"a link that is a string", `{"data":[],"links":{"next":"https://acme.example.com"}}`, page},
		{"an empty object", `{}`, get},
		{"null for an object", `null`, get},
		{"an array for an object", `[{"id":"x"}]`, get},
		{"a time that is none", `{"id":"x","created":"yesterday"}`, get},
		{"nested too deep", strings.Repeat("[", 100_000), get},
	} {
		err := row.call(inMemory(answering(200, row.body, "Content-Type", "text/\"x")))
		if err == nil || statusOf(err) != 0 || !strings.Contains(err.Error(), `GET https://acme.example.com/api/v1/web-integrations`) || !strings.Contains(err.Error(), `"text/\"x"`) {
			t.Errorf("%s: %v", row.rule, err)
		}
	}
}

func TestClient_ReadsNoMoreThanItsBound(t *testing.T) {
	const body = `{"id":"x","data":[]}`
	c := newClient(t, answering(200, body))
	for limit, fits := range map[int64]bool{0: true, int64(len(body)): true, int64(len(body)) - 1: false, 1: false, -1: false, 1<<63 - 1: true} {
		c.MaxResponse = limit
		_, err := c.Get(t.Context(), "x")
		if fits && err != nil || !fits && !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("at most %d bytes: %v", limit, err)
		}
	}
}

func TestClient_LeavesAnEndlessAnswer(t *testing.T) {
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
		t.Errorf("of success: %v", err)
	}
	status = 400
	if _, err := c.Page(t.Context(), client.ListOptions{}); statusOf(err) != 400 {
		t.Errorf("of an error: %v", err)
	}
}

func TestClient_NoticesAnAnswerThatWasCut(t *testing.T) {
	c := newClient(t, answering(200, `{"id":"x"}`, "Content-Length", "100"))
	if _, err := c.Get(t.Context(), "x"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestClient_SendsWhatServersExpect(t *testing.T) {
	var got *http.Request
	var body string
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		raw, _ := io.ReadAll(r.Body)
		body = string(raw)
	}))
	calls := everyCall(c)
	for name, want := range map[string]struct{ contentType, body string }{
		"Page": {}, "Get": {}, "Delete": {},
		"Create": {"application/json", `{"name":"n","validOrigins":[]}`},
		"Patch":  {"application/json", `[]`},
	} {
		calls[name](t.Context())
		h := got.Header
		if h.Get("Authorization") != "Bearer "+adminToken || h.Get("Accept") != "application/json" || h.Get("Content-Type") != want.contentType || body != want.body {
			t.Errorf("%s sent %v and %q", name, h, body)
		}
		if h["Origin"] != nil || h["If-Match"] != nil {
			t.Errorf("%s sent %v", name, h)
		}
	}
}
