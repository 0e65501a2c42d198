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

// call is one call of the API.
type call struct {
	method  string
	id      *string // of the web integration; nil is the collection
	url     string  // if not "", instead of that of the collection
	body    any     // nil is none
	ifMatch string
	success int // the only status that is no error
}

// response is a successful one.
type response struct {
	Response
	request     string // the method and URL, for errors
	contentType string
}

// callJSON makes a call and decodes the response into v.
func (c *Client) callJSON(ctx context.Context, x call, v interface{ check() error }) (Response, error) {
	r, err := c.call(ctx, x)
	if err != nil {
		return Response{}, err
	}
	if err = json.Unmarshal(r.Raw, v); err == nil {
		err = v.check()
	}
	if err != nil {
		return Response{}, fmt.Errorf("%s: decoding the response of type %q: %w", r.request, r.contentType, err)
	}
	return r.Response, nil
}

// call makes a call, and repeats it as the Client's fields say.
func (c *Client) call(ctx context.Context, x call) (response, error) {
	collection, err := c.collectionURL()
	if err != nil {
		return response{}, err
	}
	x.url = cmp.Or(x.url, collection)
	if x.id != nil {
		if x.url, err = elementURL(collection, *x.id); err != nil {
			return response{}, err
		}
	}
	var body []byte
	if x.body != nil {
		if body, err = json.Marshal(x.body); err != nil {
			return response{}, fmt.Errorf("encoding the request's body: %w", err)
		}
	}
	attempt := func() (response, error) { return c.callOnce(ctx, x, body) }
	return c.repeatLimited(ctx, func() (response, error) { return c.repeatFailed(ctx, x.method, attempt) })
}

// callOnce makes one request and reads its response.
func (c *Client) callOnce(ctx context.Context, x call, body []byte) (response, error) {
	request, err := c.newRequest(ctx, x, body)
	if err != nil {
		return response{}, err
	}
	r, err := c.httpClient().Do(request)
	if err != nil {
		return response{}, err // which has the method and the URL
	}
	defer r.Body.Close()
	name := x.method + " " + request.URL.String()
	if r.StatusCode != x.success {
		return response{}, fmt.Errorf("%s: %w", name, newError(r))
	}
	raw, err := readAtMost(r.Body, cmp.Or(c.MaxResponse, 64<<20))
	if err != nil {
		return response{}, fmt.Errorf("%s: %w", name, err)
	}
	revision, _ := strconv.ParseUint(r.Header.Get("Web-Integrations-Revision"), 10, 64)
	return response{Response{r.Header.Get("ETag"), revision, raw}, name, r.Header.Get("Content-Type")}, nil
}

func (c *Client) newRequest(ctx context.Context, x call, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, x.method, x.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	h := request.Header
	h.Set("Accept", "application/json")
	h.Set("User-Agent", "originwarden")
	if x.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
	if x.ifMatch != "" {
		h.Set("If-Match", x.ifMatch)
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

// newError returns the error that a response is. A body that is not an error
// document is ignored.
func newError(r *http.Response) error {
	e := &Error{Status: r.StatusCode, RetryAfter: retryAfter(r.Header.Get("Retry-After"), time.Now())}
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
