package api_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"originwarden/api"
)

// loadOpenAPI parses the document that clients get.
var loadOpenAPI = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(api.OpenAPI())
})

func openAPIDocument(t testing.TB) *openapi3.T {
	t.Helper()
	document, err := loadOpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestOpenAPI_IsAValidDocument(t *testing.T) {
	document := openAPIDocument(t)
	if err := document.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if document.OpenAPI != "3.0.3" {
		t.Errorf("version %s", document.OpenAPI)
	}
}

func TestOpenAPI_DescribesExactlyTheRoutes(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	paths := openAPIDocument(t).Paths.Map()
	if want := []string{refusedOrigins, refusedOrigins + "/dismiss", refusedOrigins + "/restore", changesPath, changesPath + "/{id}/undo", collection, collection + "/{id}", collection + "/{id}/valid-origins"}; !slices.Equal(slices.Sorted(maps.Keys(paths)), want) {
		t.Errorf("paths %v, want %v", slices.Sorted(maps.Keys(paths)), want)
	}
	for template, item := range paths {
		var described []string
		for method := range item.Operations() {
			if described = append(described, method); method == http.MethodGet {
				described = append(described, http.MethodHead) // the document describes it for every path with GET
			}
		}
		of := id
		if strings.HasPrefix(template, changesPath) {
			of = "1"
		}
		got := g.send(request{method: "PUT", path: strings.Replace(template, "{id}", of, 1)})
		routed := strings.Split(got.header.Get("Allow"), ", ")
		slices.Sort(described)
		slices.Sort(routed)
		if !slices.Equal(routed, described) {
			t.Errorf("%s: routes %v, described %v", template, routed, described)
		}
	}
}

func TestOpenAPI_ReturnsCopy(t *testing.T) {
	api.OpenAPI()[0] = '#'
	if !bytes.HasPrefix(api.OpenAPI(), []byte("openapi: 3.0.3\n")) {
		t.Error("a caller can change the document")
	}
}

// validateExchanges returns a handler that calls next and validates the requests
// that next accepts, and all its responses, against the OpenAPI document.
func validateExchanges(t testing.TB, next http.Handler) http.Handler {
	document := openAPIDocument(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, target := &bytes.Buffer{}, *r.URL
		copied := r.Clone(r.Context())
		if r.Body != nil {
			copied.Body = io.NopCloser(io.TeeReader(r.Body, sent)) // records only what the API reads
		}
		got := &responseCapture{ResponseWriter: w}
		next.ServeHTTP(got, copied)
		r = r.Clone(r.Context())
		r.URL, r.Body = &target, io.NopCloser(sent)
		if err := got.validate(document, r); err != nil {
			t.Errorf("%s %s: status %d does not match the OpenAPI document: %v", r.Method, r.URL, got.status, err)
		}
	})
}

// responseCapture records the response that it writes.
type responseCapture struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (e *responseCapture) WriteHeader(status int) {
	e.status = status
	e.ResponseWriter.WriteHeader(status)
}

func (e *responseCapture) Write(p []byte) (int, error) {
	e.body.Write(p)
	return e.ResponseWriter.Write(p)
}

// validate reports how the exchange differs from the document. Of a refused request
// only the response is validated.
func (e *responseCapture) validate(document *openapi3.T, r *http.Request) error {
	route, parameters := findRoute(document, r)
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, ExcludeResponseBody: r.Method == http.MethodHead,
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}
	plain := r.Clone(r.Context())
	plain.Header.Set("Content-Type", strings.ToLower(r.Header.Get("Content-Type"))) // media types are case-insensitive
	if r.Method == http.MethodHead {
		plain.Method = http.MethodGet // HEAD is described as GET
	}
	request := &openapi3filter.RequestValidationInput{Request: plain, PathParams: parameters, Route: route, Options: options}
	if e.status < 400 {
		if err := openapi3filter.ValidateRequest(r.Context(), request); err != nil {
			return fmt.Errorf("invalid request was accepted: %w", err)
		}
	}
	response := &openapi3filter.ResponseValidationInput{RequestValidationInput: request, Status: e.status, Header: e.Header(), Options: options}
	response.SetBodyBytes(e.body.Bytes())
	if err := openapi3filter.ValidateResponse(r.Context(), response); err != nil {
		return err
	}
	return checkHeaders(route.Operation.Responses.Status(e.status), e.Header())
}

// checkHeaders reports a required header that is missing, or a header that is not
// described.
func checkHeaders(response *openapi3.ResponseRef, header http.Header) error {
	if response == nil {
		return fmt.Errorf("the status is not described")
	}
	described := map[string]bool{"Content-Type": true, "Content-Length": true}
	for name, h := range response.Value.Headers {
		described[http.CanonicalHeaderKey(name)] = true
		if h.Value.Required && header.Get(name) == "" {
			return fmt.Errorf("missing header %s", name)
		}
	}
	for name := range header {
		if !described[name] {
			return fmt.Errorf("header %s is not described", name)
		}
	}
	return nil
}

// findRoute returns the operation that describes r. For unknown paths and methods
// it returns the error responses that the document describes.
func findRoute(document *openapi3.T, r *http.Request) (*routers.Route, map[string]string) {
	path := r.URL.EscapedPath()
	for template, item := range document.Paths.Map() {
		prefix, suffix, isItem := strings.Cut(template, "{id}")
		id, below := strings.CutPrefix(path, prefix)
		id, above := strings.CutSuffix(id, suffix)
		if path != template && (!isItem || !below || !above || strings.Contains(id, "/")) {
			continue
		}
		method := strings.Replace(r.Method, http.MethodHead, http.MethodGet, 1)
		if operation := item.Operations()[method]; operation != nil {
			return &routers.Route{Spec: document, Path: template, PathItem: item, Method: method, Operation: operation}, map[string]string{"id": id}
		}
	}
	elsewhere := openapi3.NewResponsesWithCapacity(6)
	for status, name := range map[string]string{
		"401": "Unauthorized", "403": "Forbidden", "404": "NotFound", "405": "MethodNotAllowed", "429": "TooManyRequests", "503": "Unavailable",
	} {
		elsewhere.Set(status, &openapi3.ResponseRef{Value: document.Components.Responses[name].Value})
	}
	return &routers.Route{Spec: document, PathItem: &openapi3.PathItem{}, Operation: &openapi3.Operation{Responses: elsewhere}}, nil
}
