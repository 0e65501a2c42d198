package client

import (
	"context"
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
// Every method returns an *Error if the server responds with an error,
// ErrInvalidServer, ErrTooLarge or the context's error where they apply, and
// otherwise an error about the connection or an invalid response. If a write
// fails without an *Error, or with one of status 5xx, it is unknown whether it
// was made.
type Client struct {
	// Server is the URL of the server, such as https://tenant.example.com. A path
	// in it precedes /api/v1/web-integrations.
	Server string
	// Token is sent as a bearer token (RFC 6750, section 2.1) with every
	// request, if it is not empty.
	Token string
	// HTTPClient makes the requests. Redirects are not followed. If it is nil, the
	// default transport is used with a timeout of 30 seconds.
	HTTPClient *http.Client
	// MaxWait bounds how long one call waits in all when the server's rate limit
	// is reached. 0 is a minute; a negative value never waits. A wait that would
	// exceed it or the context's deadline is not begun.
	MaxWait time.Duration
	// OnWait, if not nil, is called before each such wait; concurrently if the
	// methods are.
	OnWait func(time.Duration)
	// Retries is how often a call is retried that got no response, or one with
	// status 502, 503 or 504, each time after RetryInterval, which is a second if
	// it is 0. A Create is retried only if there was no connection to the
	// server, because it might create another web integration. After a retry,
	// ErrNotFound of a Delete and ErrPreconditionFailed may mean that an earlier
	// attempt succeeded.
	Retries       int
	RetryInterval time.Duration
	// OnRetry, if not nil, is called before each retry with the error that it
	// follows; concurrently if the methods are.
	OnRetry func(error)
	// MaxResponse is the maximum length of a response in bytes. 0 is 64 MiB.
	MaxResponse int64
}

// Errors of calls, besides those that an *Error can be.
var (
	// ErrInvalidServer: Client.Server is not the URL of a server.
	ErrInvalidServer = errors.New("the server is not a URL such as https://tenant.example.com")
	// ErrTooLarge: the response is longer than Client.MaxResponse.
	ErrTooLarge = errors.New("response too large")
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

// Response holds what is not part of a web integration: headers and the body.
type Response struct {
	// ETag is the web integration's entity tag, which a later write can be made
	// conditional on. It is empty after a deletion, and if the server sends none.
	ETag string
	// Revision is the revision of the write: it is in force at gateways that have
	// reached it. It is 0 for reads, and if the server sends none.
	Revision uint64
	// Raw is the unchanged body.
	Raw []byte
}

// IfMatch returns the ETag as Patch and Delete take it, or "" if there is none or it is
// weak: a weak one never matches (RFC 9110, section 13.1.1).
func (r *Response) IfMatch() string {
	if strings.HasPrefix(r.ETag, "W/") {
		return ""
	}
	return r.ETag
}

// Operation is one operation of a JSON Patch (RFC 6902). Servers support only
// replace, of /name and /validOrigins.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// ReplaceName returns the operation that renames a web integration.
func ReplaceName(name string) Operation { return Operation{Op: "replace", Path: "/name", Value: name} }

// ReplaceValidOrigins returns the operation that replaces the valid origins of a
// web integration.
func ReplaceValidOrigins(entries ...string) Operation {
	return Operation{Op: "replace", Path: "/validOrigins", Value: nonNil(entries)}
}

// Get reads a web integration.
func (c *Client) Get(ctx context.Context, id string) (WebIntegration, error) {
	return c.callIntegration(ctx, apiCall{method: http.MethodGet, id: &id, success: http.StatusOK})
}

// Create creates a web integration. Its error lists all problems with the name
// and the origins.
func (c *Client) Create(ctx context.Context, name string, validOrigins []string) (WebIntegration, error) {
	return c.callIntegration(ctx, apiCall{method: http.MethodPost, success: http.StatusCreated, body: struct {
		Name         string   `json:"name"`
		ValidOrigins []string `json:"validOrigins"`
	}{name, nonNil(validOrigins)}})
}

// Patch applies all operations, or none. If ifMatch is not empty, it has to be
// the web integration's ETag or "*" (RFC 9110, section 13.1.1); otherwise the
// error is ErrPreconditionFailed.
func (c *Client) Patch(ctx context.Context, id string, operations []Operation, ifMatch string) (Response, error) {
	r, err := c.call(ctx, apiCall{
		method: http.MethodPatch, id: &id, ifMatch: ifMatch, success: http.StatusNoContent,
		body: append([]Operation{}, operations...),
	})
	return r.Response, err
}

// Delete deletes a web integration. For ifMatch see Patch.
func (c *Client) Delete(ctx context.Context, id, ifMatch string) (Response, error) {
	r, err := c.call(ctx, apiCall{method: http.MethodDelete, id: &id, ifMatch: ifMatch, success: http.StatusNoContent})
	return r.Response, err
}

// callIntegration makes a call that responds with a web integration.
func (c *Client) callIntegration(ctx context.Context, call apiCall) (WebIntegration, error) {
	var w WebIntegration
	r, err := c.callJSON(ctx, call, &w)
	if err != nil {
		return WebIntegration{}, err
	}
	w.Response = r
	return w, nil
}

// check completes a web integration that was decoded, or says what it lacks.
func (w *WebIntegration) check() error {
	if w.ID == "" {
		return errors.New("a web integration without an id")
	}
	w.ValidOrigins = nonNil(w.ValidOrigins)
	return nil
}

// nonNil returns a copy of entries that is an array in JSON even if it is empty.
func nonNil(entries []string) []string { return append([]string{}, entries...) }

// collectionURL returns the URL of the web integrations.
func (c *Client) collectionURL() (string, error) {
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", ErrInvalidServer
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("%w: it has more than a host and a path", ErrInvalidServer)
	}
	return strings.TrimRight(u.String(), "/") + "/api/v1/web-integrations", nil
}

// elementURL returns the URL of a web integration.
func elementURL(collection, id string) (string, error) {
	if id == "" || id == "." || id == ".." { // a proxy that cleans paths would make it another resource
		return "", fmt.Errorf("invalid id %q: %w", id, ErrNotFound)
	}
	return collection + "/" + url.PathEscape(id), nil
}
