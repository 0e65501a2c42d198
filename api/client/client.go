package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls the API of one server, for one tenant. Only Server is required.
// It may be used concurrently, as long as its fields are not changed.
//
// Every method fails with an *Error when the server answers with an error, with
// ErrInvalidServer, ErrTooLarge or that of the context where they apply, and otherwise
// with what made it impossible to ask or to understand the answer. Where a write
// fails without an *Error, and after one with status 5xx, it is not known
// whether it happened.
type Client struct {
	// Server is where the API is, such as https://tenant.example.com; a path
	// comes before /api/v1/web-integrations.
	Server string
	// Token is sent as a bearer token (RFC 6750, section 2.1) with every
	// request, if it is not empty.
	Token string
	// HTTPClient makes the requests, without following any redirect. If it is
	// nil they are made by the default transport, and end after 30 seconds.
	HTTPClient *http.Client
	// MaxWait is how long one request may wait, over all its repetitions, when
	// the server says that the rate limit is reached and when it will be lifted.
	// 0 is a minute; below 0 nothing is repeated. No wait is begun that would
	// exceed it, or the context's deadline.
	MaxWait time.Duration
	// OnWait, if it is not nil, is told of each such wait before it begins. It
	// is called concurrently if the methods are.
	OnWait func(time.Duration)
	// Retries is how often a request is repeated that got no answer, or one with
	// status 502, 503 or 504: each RetryInterval after the one before, which is a
	// second if it is 0. A Create is repeated only if there was no connection to
	// the server, since a second one would make another web integration. After a
	// repetition, ErrNotFound of a Delete and ErrPreconditionFailed may say that
	// the first one has happened.
	Retries       int
	RetryInterval time.Duration
	// OnRetry, if it is not nil, is told why a request is about to be repeated.
	// It is called concurrently if the methods are.
	OnRetry func(error)
	// MaxResponse is the greatest length of an answer in bytes. 0 is 64 MiB.
	MaxResponse int64
}

// What calls fail with, beside what an *Error is.
var (
	// ErrInvalidServer: Client.Server is not the URL of a server.
	ErrInvalidServer = errors.New("the server is no URL such as https://tenant.example.com")
	// ErrTooLarge: the answer is longer than Client.MaxResponse.
	ErrTooLarge = errors.New("answer too large")
	// ErrOtherServer: the next page is not on Client.Server.
	ErrOtherServer = errors.New("link to another server")
)

// WebIntegration is a named list of the origins that may talk to a tenant.
type WebIntegration struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	LastUpdated  time.Time `json:"lastUpdated"`
	TenantID     string    `json:"tenantId"`
	CreatedBy    string    `json:"createdBy"`
	ValidOrigins []string  `json:"validOrigins"` // as they were written

	// Response is zero for an element of a page.
	Response `json:"-"`
}

// Response is what the server said beside a web integration.
type Response struct {
	// ETag is the web integration's entity tag, which a later write can be made
	// conditional on. It is empty after a deletion, and where a server has none.
	ETag string
	// Revision is that of the server's lists from which on the write is in
	// force. It is 0 for reads, and where a server has none.
	Revision uint64
	// Raw is the body as it came.
	Raw []byte
}

// Operation is one operation of a JSON Patch (RFC 6902). Servers know replace,
// of /name and /validOrigins, alone.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// ReplaceName gives the web integration another name.
func ReplaceName(name string) Operation {
	return Operation{Op: "replace", Path: "/name", Value: name}
}

// ReplaceValidOrigins gives the web integration another list of origins.
func ReplaceValidOrigins(entries ...string) Operation {
	return Operation{Op: "replace", Path: "/validOrigins", Value: listed(entries)}
}

// Get reads a web integration.
func (c *Client) Get(ctx context.Context, id string) (WebIntegration, error) {
	return c.one(ctx, call{method: http.MethodGet, id: &id, success: http.StatusOK})
}

// Create makes a web integration. Its error tells all that is wrong with the
// name and the origins at once.
func (c *Client) Create(ctx context.Context, name string, validOrigins []string) (WebIntegration, error) {
	return c.one(ctx, call{method: http.MethodPost, success: http.StatusCreated, body: struct {
		Name         string   `json:"name"`
		ValidOrigins []string `json:"validOrigins"`
	}{name, listed(validOrigins)}})
}

// Patch applies the operations, all or none. If ifMatch is not empty they are
// applied only if it is the web integration's ETag, or "*" (RFC 9110, section
// 13.1.1); otherwise the error is ErrPreconditionFailed.
func (c *Client) Patch(ctx context.Context, id string, operations []Operation, ifMatch string) (Response, error) {
	a, err := c.exchange(ctx, call{
		method: http.MethodPatch, id: &id, ifMatch: ifMatch, success: http.StatusNoContent,
		body: append([]Operation{}, operations...),
	})
	return a.Response, err
}

// Delete deletes a web integration; ifMatch is that of Patch.
func (c *Client) Delete(ctx context.Context, id, ifMatch string) (Response, error) {
	a, err := c.exchange(ctx, call{method: http.MethodDelete, id: &id, ifMatch: ifMatch, success: http.StatusNoContent})
	return a.Response, err
}

// one makes a call that is answered with a web integration.
func (c *Client) one(ctx context.Context, x call) (WebIntegration, error) {
	a, err := c.exchange(ctx, x)
	if err != nil {
		return WebIntegration{}, err
	}
	w := WebIntegration{Response: a.Response}
	err = json.Unmarshal(a.Raw, &w)
	if err == nil {
		err = w.check()
	}
	if err != nil {
		return WebIntegration{}, a.unreadable(err)
	}
	return w, nil
}

// check completes a web integration that was decoded, or says what it lacks.
func (w *WebIntegration) check() error {
	if w.ID == "" {
		return errors.New("a web integration without an id")
	}
	w.ValidOrigins = listed(w.ValidOrigins)
	return nil
}

// listed returns entries as what is an array in JSON also when it is empty.
func listed(entries []string) []string { return append([]string{}, entries...) }

// collection returns the URL of the web integrations.
func (c *Client) collection() (string, error) {
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", ErrInvalidServer
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("%w: it has more than a host and a path", ErrInvalidServer)
	}
	return strings.TrimRight(u.String(), "/") + "/api/v1/web-integrations", nil
}

// element returns the URL of a web integration.
func element(collection, id string) (string, error) {
	// These would be another resource, for whoever cleans paths on the way.
	if id == "" || id == "." || id == ".." {
		return "", fmt.Errorf("%q is no id: %w", id, ErrNotFound)
	}
	return collection + "/" + url.PathEscape(id), nil
}
