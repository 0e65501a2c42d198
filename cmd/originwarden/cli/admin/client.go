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

	maxAnswer = 1 << 20 // bytes
)

// newClient returns a client whose requests take no longer than timeout. It
// follows no redirects, which would hand on a token.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       timeout,
	}
}

// answer is a gateway's answer.
type answer struct {
	status int
	body   []byte
}

// send sends a request for a path at an admin address, with the token unless that
// is empty.
func send(ctx context.Context, c *http.Client, method, admin, path, token string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(admin, "/")+path, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", "originwarden")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return answer{}, failed.Err // messages name the address themselves
	}
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	if to := response.Header.Get("Location"); to != "" {
		return answer{}, fmt.Errorf("it redirects, which is not followed, to %.200q", to)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxAnswer))
	return answer{response.StatusCode, body}, err
}

// post sends a POST and decodes the answer into document.
func post(ctx context.Context, c *http.Client, admin, path, token string, document any) error {
	a, err := send(ctx, c, http.MethodPost, admin, path, token)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return a.refusal()
	}
	return a.decode(document)
}

func (a answer) decode(document any) error {
	if err := json.Unmarshal(a.body, document); err != nil {
		return fmt.Errorf("its answer is not that of a gateway: %w", err)
	}
	return nil
}

// refusal returns the error of an answer other than 200.
func (a answer) refusal() error {
	var document struct {
		Errors  []client.Problem `json:"errors"`
		TraceID string           `json:"traceId"`
	}
	if json.Unmarshal(a.body, &document) != nil {
		document.Errors = nil
	}
	switch {
	case len(document.Errors) == 0 || document.Errors[0].Code == "TENANT_UNKNOWN":
		return fmt.Errorf("%s: this is not a gateway's admin address (admin.listen); it may be the address for tenants (listen)", a.statusText())
	case document.Errors[0].Code == "STORE_RESET":
		return errors.New(document.Errors[0].Detail + "; its lists are not used. To accept it as it is: originwarden resync --accept")
	}
	return &client.Error{Status: a.status, Errors: document.Errors, TraceID: document.TraceID}
}

func (a answer) statusText() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))
}

// checkURLs checks the values of --admin.
func checkURLs(admins ...string) error {
	if len(admins) == 0 {
		return errors.New("--admin: it is empty")
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
