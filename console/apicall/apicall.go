// Package apicall calls the API of a tenant in this process, as a caller who has signed
// in.
package apicall

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"originwarden/api/auth"
	"originwarden/envelope"
)

// Error is an error response of the API.
type Error struct {
	Status int
	Errors []envelope.Error // at least one
	Header http.Header
}

// Error implements error.
func (e *Error) Error() string { return e.Text() }

// Text returns what the errors say, for people.
func (e *Error) Text() string {
	var all []string
	for _, one := range e.Errors {
		if one.Detail != "" {
			all = append(all, one.Detail)
		}
	}
	if all == nil {
		return e.Errors[0].Title + "."
	}
	return strings.Join(all, " ")
}

// Call is a request to the API.
type Call struct {
	Caller auth.Caller
	Client string // its address
	Method string
	Path   string // below /api/v1, with the query
	Header http.Header
	// Body is sent as JSON, unless it is nil.
	Body any
}

// Do makes the call at the API of a tenant, and decodes the response into result,
// unless that is nil. An error response is an *Error.
func (c Call) Do(ctx context.Context, api http.Handler, result any) (http.Header, error) {
	request, err := c.request(ctx)
	if err != nil {
		return nil, err
	}
	got := &response{header: http.Header{}}
	api.ServeHTTP(got, request)
	if got.status >= http.StatusBadRequest {
		return nil, got.err()
	}
	if result == nil {
		return got.header, nil
	}
	return got.header, json.Unmarshal(got.body.Bytes(), result)
}

func (c Call) request(ctx context.Context) (*http.Request, error) {
	var body []byte
	if c.Body != nil {
		var err error
		if body, err = json.Marshal(c.Body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(auth.WithCaller(ctx, c.Caller), c.Method, "http://console/api/v1"+c.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.RemoteAddr = c.Client
	for name, lines := range c.Header {
		r.Header[name] = lines
	}
	if c.Body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// response is a response of the API, in memory.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *response) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *response) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *response) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// err returns the error of an error response.
func (r *response) err() error {
	var document envelope.Document
	if json.Unmarshal(r.body.Bytes(), &document) != nil || len(document.Errors) == 0 {
		return fmt.Errorf("the API answered with status %d", r.status)
	}
	return &Error{r.status, document.Errors, r.header}
}
