// Package admin has the commands that ask gateways at their admin addresses.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"originwarden/api/client"
)

const (
	defaultURL = "http://127.0.0.1:9090"
	urlUsage   = "the URL of a gateway's admin address"

	maxResponse = 1 << 20 // bytes
)

// newClient returns a client whose requests take no longer than timeout. It does
// not follow redirects: they would pass the token on.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       timeout,
	}
}

// response is a gateway's response.
type response struct {
	status int
	body   []byte
}

// send sends a request for a path at an admin address, with the token unless that
// is empty.
func send(ctx context.Context, c *http.Client, method, admin, path, token string) (response, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(admin, "/")+path, nil)
	if err != nil {
		return response{}, err
	}
	request.Header.Set("User-Agent", "originwarden")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return response{}, failed.Err // messages name the address themselves
	}
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	if to := res.Header.Get("Location"); to != "" {
		return response{}, fmt.Errorf("it redirects, which is not followed, to %.200q", to)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, res.Body, maxResponse))
	return response{res.StatusCode, body}, err
}

// post sends a POST and decodes the response into document.
func post(ctx context.Context, c *http.Client, admin, path, token string, document any) error {
	r, err := send(ctx, c, http.MethodPost, admin, path, token)
	switch {
	case err != nil:
		return err
	case r.status != http.StatusOK:
		return r.statusError()
	}
	return r.decode(document)
}

func (r response) decode(document any) error {
	if err := json.Unmarshal(r.body, document); err != nil {
		return fmt.Errorf("its response is not that of a gateway: %w", err)
	}
	return nil
}

// statusError returns the error of a response other than 200.
func (r response) statusError() error {
	var document struct {
		Errors  []client.Problem `json:"errors"`
		TraceID string           `json:"traceId"`
	}
	if json.Unmarshal(r.body, &document) != nil {
		document.Errors = nil
	}
	switch {
	case len(document.Errors) == 0 || document.Errors[0].Code == "TENANT_UNKNOWN":
		return fmt.Errorf("%s: this is not a gateway's admin address (admin.listen); it may be the address for tenants (listen)", r.statusText())
	case document.Errors[0].Code == "STORE_RESET":
		return errors.New(document.Errors[0].Detail + "; its lists are not used. To accept it as it is: originwarden resync --accept")
	}
	return &client.Error{Status: r.status, Errors: document.Errors, TraceID: document.TraceID}
}

func (r response) statusText() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)))
}

// checkURLs checks the values of --admin.
func checkURLs(admins ...string) error {
	if len(admins) == 0 {
		return errors.New("--admin must not be empty")
	}
	for _, admin := range admins {
		u, err := url.Parse(admin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
			u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			return fmt.Errorf("--admin: %q is not a URL such as %s", admin, defaultURL)
		}
	}
	return nil
}
