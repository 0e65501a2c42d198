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

// call is what one method asks the server.
type call struct {
	method  string
	id      *string // of the web integration; nil is the collection
	url     string  // in place of the one that the id makes
	body    any     // nil is none
	ifMatch string
	success int // the only status that is no error
}

// answered is a successful answer.
type answered struct {
	Response
	asked       string // for the text of an error
	contentType string
}

// unreadable is the error for an answer that err says is none of the API's.
func (a *answered) unreadable(err error) error {
	return fmt.Errorf("%s: reading the answer, which is %q: %w", a.asked, a.contentType, err)
}

// exchange makes a call, and repeats it while the rate limit has to be waited
// for.
func (c *Client) exchange(ctx context.Context, x call) (answered, error) {
	collection, err := c.collection()
	if err != nil {
		return answered{}, err
	}
	x.url = cmp.Or(x.url, collection)
	if x.id != nil {
		if x.url, err = element(collection, *x.id); err != nil {
			return answered{}, err
		}
	}
	var body []byte
	if x.body != nil {
		if body, err = json.Marshal(x.body); err != nil {
			return answered{}, fmt.Errorf("the request's body: %w", err)
		}
	}
	once := func() (answered, error) { return c.once(ctx, x, body) }
	return c.patiently(ctx, func() (answered, error) { return c.persistently(ctx, x.method, once) })
}

// once makes one request and reads its answer.
func (c *Client) once(ctx context.Context, x call, body []byte) (answered, error) {
	request, err := c.request(ctx, x, body)
	if err != nil {
		return answered{}, err
	}
	response, err := c.httpClient().Do(request)
	if err != nil {
		return answered{}, err // which tells the method and the URL
	}
	defer response.Body.Close()
	asked := x.method + " " + request.URL.String()
	if response.StatusCode != x.success {
		return answered{}, fmt.Errorf("%s: %w", asked, refusal(response))
	}
	raw, err := readAtMost(response.Body, cmp.Or(c.MaxResponse, 64<<20))
	if err != nil {
		return answered{}, fmt.Errorf("%s: %w", asked, err)
	}
	revision, _ := strconv.ParseUint(response.Header.Get("Web-Integrations-Revision"), 10, 64)
	return answered{
		Response:    Response{ETag: response.Header.Get("ETag"), Revision: revision, Raw: raw},
		asked:       asked,
		contentType: response.Header.Get("Content-Type"),
	}, nil
}

func (c *Client) request(ctx context.Context, x call, body []byte) (*http.Request, error) {
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

// httpClient returns the client to use. Following redirects is not left to it:
// net/http keeps the token on the way to a subdomain, another port and plain
// HTTP, and makes a GET of a POST.
func (c *Client) httpClient() *http.Client {
	client := http.Client{Timeout: 30 * time.Second}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

const maxErrorDocument = 1 << 20

// refusal returns what an answer without success is. Its body may be anything,
// and is left aside if it is no document of errors.
func refusal(response *http.Response) error {
	e := &Error{Status: response.StatusCode, RetryAfter: retryAfter(response.Header.Get("Retry-After"), time.Now())}
	var document struct {
		Errors  []Problem `json:"errors"`
		TraceID string    `json:"traceId"`
	}
	raw, err := readAtMost(response.Body, maxErrorDocument)
	if err == nil && json.Unmarshal(raw, &document) == nil {
		e.Errors, e.TraceID = document.Errors, document.TraceID
	}
	if to := response.Header.Get("Location"); e.Status/100 == 3 && to != "" {
		return fmt.Errorf("redirects, which are not followed, to %.200q: %w", to, e)
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
