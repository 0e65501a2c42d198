package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"originwarden/api/auth"
	"originwarden/envelope"
)

// apiError is an error response of the API.
type apiError struct {
	status int
	errs   []envelope.Error // at least one
	header http.Header
}

func (e *apiError) Error() string { return e.text() }

// text returns what the errors say, for people.
func (e *apiError) text() string {
	var all []string
	for _, one := range e.errs {
		if one.Detail != "" {
			all = append(all, one.Detail)
		}
	}
	if all == nil {
		return e.errs[0].Title + "."
	}
	return strings.Join(all, " ")
}

// apiResponse is a response of the API.
type apiResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *apiResponse) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *apiResponse) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *apiResponse) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// callAPI makes a request to the tenant's API as the caller. The path is below /api/v1,
// and may have a query. The body, unless it is nil, is sent as JSON, and the response
// decoded into result, unless that is nil. An error response is an *apiError.
func (r *request) callAPI(method, path string, header http.Header, body, result any) (http.Header, error) {
	call, err := r.newAPIRequest(method, path, header, body)
	if err != nil {
		return nil, err
	}
	response := &apiResponse{header: http.Header{}}
	r.API(r.tenant.ID).ServeHTTP(response, call)
	if response.status >= http.StatusBadRequest {
		return nil, response.err()
	}
	if result == nil {
		return response.header, nil
	}
	return response.header, json.Unmarshal(response.body.Bytes(), result)
}

func (r *request) newAPIRequest(method, path string, header http.Header, body any) (*http.Request, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	call, err := http.NewRequestWithContext(auth.WithCaller(r.Context(), r.caller), method, "http://console/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	call.RemoteAddr = r.clientAddress().String()
	for name, lines := range header {
		call.Header[name] = lines
	}
	if body != nil {
		call.Header.Set("Content-Type", "application/json")
	}
	return call, nil
}

// err returns the error of an error response.
func (a *apiResponse) err() error {
	var document envelope.Document
	if err := json.NewDecoder(io.LimitReader(&a.body, maxForm)).Decode(&document); err != nil || len(document.Errors) == 0 {
		return fmt.Errorf("the API answered with status %d", a.status)
	}
	return &apiError{a.status, document.Errors, a.header}
}
