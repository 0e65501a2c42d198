package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// apiCall is one call of the API.
type apiCall struct {
	method  string
	id      *string // of the web integration; nil means the collection
	below   string  // what follows the id in the path
	url     string  // if not "", instead of that of the collection
	body    any     // nil means none
	ifMatch string
	success int // the only status that is no error
}

// callResult is a successful response.
type callResult struct {
	Response
	name        string // the method and URL, for errors
	contentType string
}

// callJSON makes a call and decodes the response into v.
func (c *Client) callJSON(ctx context.Context, call apiCall, v interface{ check() error }) (Response, error) {
	r, err := c.call(ctx, call)
	if err != nil {
		return Response{}, err
	}
	if err = json.Unmarshal(r.Raw, v); err == nil {
		err = v.check()
	}
	if err != nil {
		return Response{}, fmt.Errorf("%s: decoding the response of type %q: %w", r.name, r.contentType, err)
	}
	return r.Response, nil
}

// call makes a call, and retries it as the Client's fields say.
func (c *Client) call(ctx context.Context, call apiCall) (callResult, error) {
	collection, err := c.collectionURL()
	if err != nil {
		return callResult{}, err
	}
	call.url = cmp.Or(call.url, collection)
	if call.id != nil {
		if call.url, err = elementURL(collection, *call.id); err != nil {
			return callResult{}, err
		}
		call.url += call.below
	}
	var body []byte
	if call.body != nil {
		if body, err = json.Marshal(call.body); err != nil {
			return callResult{}, fmt.Errorf("encoding the request's body: %w", err)
		}
	}
	attempt := func() (callResult, error) { return c.callOnce(ctx, call, body) }
	return c.retryLimited(ctx, func() (callResult, error) { return c.retryFailed(ctx, call.method, attempt) })
}

// callOnce makes one request and reads its response.
func (c *Client) callOnce(ctx context.Context, call apiCall, body []byte) (callResult, error) {
	request, err := c.newRequest(ctx, call, body)
	if err != nil {
		return callResult{}, err
	}
	r, err := c.httpClient().Do(request)
	if err != nil {
		return callResult{}, err // which has the method and the URL
	}
	defer r.Body.Close()
	name := call.method + " " + request.URL.String()
	if r.StatusCode != call.success {
		return callResult{}, fmt.Errorf("%s: %w", name, newError(r))
	}
	raw, err := readAtMost(r.Body, cmp.Or(c.MaxResponse, 64<<20))
	if err != nil {
		return callResult{}, fmt.Errorf("%s: %w", name, err)
	}
	revision, _ := strconv.ParseUint(r.Header.Get("Web-Integrations-Revision"), 10, 64)
	return callResult{Response{r.Header.Get("ETag"), revision, raw}, name, r.Header.Get("Content-Type")}, nil
}

func (c *Client) newRequest(ctx context.Context, call apiCall, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, call.method, call.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	h := request.Header
	h.Set("Accept", "application/json")
	h.Set("User-Agent", "originwarden")
	if call.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
	if call.ifMatch != "" {
		h.Set("If-Match", call.ifMatch)
	}
	return request, nil
}

// httpClient returns the client to use. It follows no redirects: net/http would
// send the token to a subdomain, another port or plain HTTP, and make a GET of a
// POST.
func (c *Client) httpClient() *http.Client {
	client := http.Client{Timeout: 30 * time.Second}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

const maxErrorDocument = 1 << 20

// newError returns the error for a response with an unexpected status. A body that is
// not an error document is ignored.
func newError(r *http.Response) error {
	e := &Error{Status: r.StatusCode, ETag: r.Header.Get("ETag"), RetryAfter: retryAfter(r.Header.Get("Retry-After"), time.Now())}
	var document struct {
		Errors  []Problem `json:"errors"`
		TraceID string    `json:"traceId"`
	}
	raw, err := readAtMost(r.Body, maxErrorDocument)
	if err == nil && json.Unmarshal(raw, &document) == nil {
		e.Errors, e.TraceID = document.Errors, document.TraceID
	}
	if to := r.Header.Get("Location"); e.Status/100 == 3 && to != "" {
		return fmt.Errorf("redirect to %.200q, which is not followed: %w", to, e)
	}
	return e
}

// readAtMost reads all of body, or fails if there is more than limit.
func readAtMost(body io.ReadCloser, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return raw, err
}
