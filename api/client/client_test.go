package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"originwarden/api/client"
)

func TestClient_CreatesGetsPatchesAndDeletes(t *testing.T) {
	c, ctx := newAPIClient(t), t.Context()
	entries := []string{"https://thirdPartyApp.com", "capacitor://localhost"}
	created, err := c.Create(ctx, "A <b> & ü", entries)
	if err != nil {
		t.Fatal(err)
	}
	if created.Name != "A <b> & ü" || !reflect.DeepEqual(created.ValidOrigins, entries) || created.CreatedBy != "ops" || created.TenantID != "acme" ||
		len(created.ID) != 32 || time.Since(created.Created) > time.Minute || created.LastUpdated != created.Created {
		t.Errorf("Create = %+v", created)
	}
	if created.Revision == 0 || created.ETag != fmt.Sprintf(`"%d"`, created.Revision) || !json.Valid(created.Raw) {
		t.Errorf("Create: revision %d, ETag %s, body %s", created.Revision, created.ETag, created.Raw)
	}
	changed, err := c.Patch(ctx, created.ID, []client.Operation{client.ReplaceName("B"), client.ReplaceValidOrigins("https://c.example")}, "")
	if err != nil || changed.Revision <= created.Revision || changed.ETag != fmt.Sprintf(`"%d"`, changed.Revision) || len(changed.Raw) != 0 {
		t.Errorf("Patch = %+v, %v", changed, err)
	}
	read, err := c.Get(ctx, created.ID)
	if err != nil || read.Name != "B" || !reflect.DeepEqual(read.ValidOrigins, []string{"https://c.example"}) || read.ETag != changed.ETag || read.Revision != 0 {
		t.Errorf("Get = %+v, %v", read, err)
	}
	deleted, err := c.Delete(ctx, created.ID, "")
	if err != nil || deleted.Revision <= changed.Revision || deleted.ETag != "" {
		t.Errorf("Delete = %+v, %v", deleted, err)
	}
	if _, err = c.Get(ctx, created.ID); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("Get after the deletion: error %v, want ErrNotFound", err)
	}
	if _, err = c.Delete(ctx, created.ID, ""); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("second Delete: error %v, want ErrNotFound", err)
	}
}

func TestClient_WritesOnlyIfETagMatches(t *testing.T) {
	c, ctx := newAPIClient(t), t.Context()
	w, err := c.Create(ctx, "n", nil)
	if err != nil {
		t.Fatal(err)
	}
	rename := []client.Operation{client.ReplaceName("m")}
	first, err := c.Patch(ctx, w.ID, rename, w.ETag)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Patch(ctx, w.ID, rename, w.ETag); !errors.Is(err, client.ErrPreconditionFailed) {
		t.Errorf("Patch with an old ETag: error %v, want ErrPreconditionFailed", err)
	}
	if _, err = c.Delete(ctx, w.ID, w.ETag); !errors.Is(err, client.ErrPreconditionFailed) {
		t.Errorf("Delete with an old ETag: error %v, want ErrPreconditionFailed", err)
	}
	if _, err = c.Delete(ctx, w.ID, first.ETag); err != nil {
		t.Errorf("Delete with the current ETag: %v", err)
	}
}

func TestClient_SendsEmptyArrayForNil(t *testing.T) {
	c, ctx := newAPIClient(t), t.Context()
	w, err := c.Create(ctx, "n", nil)
	if err != nil || w.ValidOrigins == nil || len(w.ValidOrigins) != 0 {
		t.Fatalf("Create = %+v, %v, want no valid origins", w, err)
	}
	for name, operations := range map[string][]client.Operation{
		"no operations": nil, "no origins": {client.ReplaceValidOrigins()},
	} {
		if _, err := c.Patch(ctx, w.ID, operations, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClient_ReportsAllErrorsOfRequest(t *testing.T) {
	c := newAPIClient(t)
	_, err := c.Create(t.Context(), "", []string{"https://a.example", "https://b.example/path", "*"})
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || refused.Status != http.StatusBadRequest || len(refused.TraceID) != 32 || len(refused.Errors) != 3 {
		t.Fatalf("error %v, want status 400 with three errors", err)
	}
	for i, pointer := range []string{"/name", "/validOrigins/1", "/validOrigins/2"} {
		p := refused.Errors[i]
		if p.Source.Pointer != pointer || p.Code != "WEBINTEGRATIONS-6" || p.Title != "Invalid property value" || p.Detail == "" {
			t.Errorf("error %d = %+v, want pointer %s", i, p, pointer)
		}
		if !strings.Contains(err.Error(), p.Title+" at "+pointer+": "+p.Detail) {
			t.Errorf("error %q does not describe %s", err, pointer)
		}
	}
}

func TestClient_AuthenticatesWithToken(t *testing.T) {
	c, ctx := newAPIClient(t), t.Context()
	c.Token = readerToken
	if _, err := c.Page(ctx, client.ListOptions{}); err != nil {
		t.Errorf("Page as reader: %v", err)
	}
	if _, err := c.Create(ctx, "n", nil); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("Create as reader: error %v, want ErrForbidden", err)
	}
	for _, token := range []string{"", "unknown"} {
		c.Token = token
		for name, call := range allCalls(c) {
			if err := call(ctx); !errors.Is(err, client.ErrUnauthorized) {
				t.Errorf("%s with token %q: error %v, want ErrUnauthorized", name, token, err)
			}
		}
	}
	c.Token = "a\r\nX-Evil: 1"
	if _, err := c.Page(ctx, client.ListOptions{}); err == nil || strings.Contains(err.Error(), "Evil") {
		t.Errorf("Page with a line break in the token: error %v, want one that does not quote it", err)
	}
}

func TestClient_EscapesIDs(t *testing.T) {
	var uris []string
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uris = append(uris, r.RequestURI)
		w.WriteHeader(http.StatusNotFound)
	}))
	const collection = "/api/v1/web-integrations/"
	for id, want := range map[string]string{
		"x?y": collection + "x%3Fy", "../x": collection + "..%2Fx", "%2F": collection + "%252F", "a b#": collection + "a%20b%23",
		"é\n": collection + "%C3%A9%0A", "...": collection + "...",
		"": "", ".": "", "..": "", // no request is sent
	} {
		uris = nil
		_, err := c.Get(t.Context(), id)
		if !errors.Is(err, client.ErrNotFound) || strings.Join(uris, " ") != want {
			t.Errorf("Get(%q): error %v, requested %q, want %q", id, err, uris, want)
		}
	}
}

func TestClient_RejectsInvalidServerURL(t *testing.T) {
	for _, server := range []string{
		"", "acme.example.com", "localhost:8080", "//acme.example.com", "ftp://acme.example.com", "https://", "https:///x", "https://:443",
		"https://u:p@acme.example.com", "https://acme.example.com?x", "https://acme.example.com?", "https://acme.example.com#x", "https://acme .example", "https:acme",
	} {
		c := newInMemoryClient(respondWith(200, `{"data":[]}`))
		c.Server = server
		for name, call := range allCalls(c) {
			if err := call(t.Context()); !errors.Is(err, client.ErrInvalidServer) {
				t.Errorf("%s of server %q: error %v, want ErrInvalidServer", name, server, err)
			}
		}
	}
}

func TestClient_AppendsToPathOfServerURL(t *testing.T) {
	var requested string
	c := newInMemoryClient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requested = r.URL.String()
		w.Write([]byte(`{"data":[]}`))
	}))
	for server, want := range map[string]string{
		"https://acme.example.com":        "https://acme.example.com/api/v1/web-integrations",
		"https://acme.example.com/":       "https://acme.example.com/api/v1/web-integrations",
		"HTTPS://acme.example.com:8443":   "https://acme.example.com:8443/api/v1/web-integrations",
		"http://[::1]:8080/behind%2Fit/x": "http://[::1]:8080/behind%2Fit/x/api/v1/web-integrations",
	} {
		c.Server = server
		if _, err := c.Page(t.Context(), client.ListOptions{}); err != nil || requested != want {
			t.Errorf("server %s: requested %s, error %v, want %s", server, requested, err, want)
		}
	}
}

func TestClient_DecodesQlikCloudResponse(t *testing.T) {
	c := newInMemoryClient(respondWith(200, `{"id":"x","name":"n","created":"2021-08-24T14:15:22.123Z","lastUpdated":"2021-08-25T14:15:22+02:00","tenantId":"t",
		"createdBy":"u","validOrigins":null,"unknown":{"a":[1]},"Response":{"Revision":9},"links":{"self":{"href":"https://x"}}}`, "Content-Type", "application/json; charset=utf-8"))
	w, err := c.Get(t.Context(), "x")
	if err != nil || w.ID != "x" || w.ValidOrigins == nil || w.Created.Year() != 2021 || w.ETag != "" || w.Revision != 0 {
		t.Errorf("Get = %+v, %v", w, err)
	}
}

func TestClient_StopsWhenContextIsCanceled(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	c := newClient(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	defer close(release)
	for name, call := range allCalls(c) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want context.Canceled", name, err)
		}
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a canceled context: error %v, want context.Canceled", name, err)
		}
	}
}

func TestClient_ReportsUnavailableStore(t *testing.T) {
	handler, s := newAPI(t)
	c := newClient(t, handler)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.OnWait = func(time.Duration) { t.Error("the client waits after an unknown outcome") }
	for name, call := range allCalls(c) {
		refused, ok := errors.AsType[*client.Error](call(t.Context()))
		if !ok || refused.Status != http.StatusServiceUnavailable || refused.Errors[0].Code != "STORE_UNAVAILABLE" || refused.RetryAfter != 5*time.Second {
			t.Errorf("%s: error %+v, want STORE_UNAVAILABLE and a Retry-After of 5 s", name, refused)
		}
	}
}
