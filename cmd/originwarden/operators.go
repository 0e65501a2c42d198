package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	adminDefault = "http://127.0.0.1:9090"
	adminUsage   = "the URL of a gateway's admin address"

	maxOperatorsAnswer = 1 << 20
)

// operators asks at the admin addresses of gateways.
type operators struct{ http.Client }

// newOperators returns one whose requests each end after timeout. It has to be
// released by CloseIdleConnections.
func newOperators(timeout time.Duration) *operators {
	return &operators{http.Client{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       timeout,
	}}
}

// answer is what a gateway has answered.
type answer struct {
	status int
	body   []byte
}

// ask makes a request, with a token if it is not empty, of a path at an admin
// address.
func (o *operators) ask(ctx context.Context, method, admin, path, token string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(admin, "/")+path, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", "originwarden")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := o.Do(request)
	if err != nil {
		return answer{}, unnamed(err)
	}
	defer response.Body.Close()
	if to := response.Header.Get("Location"); to != "" {
		return answer{}, fmt.Errorf("it redirects, which is not followed, to %.200q", to)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxOperatorsAnswer))
	return answer{response.StatusCode, body}, err
}

// unnamed returns the error without the URL, which its reader is told anyway.
func unnamed(err error) error {
	if named, ok := errors.AsType[*url.Error](err); ok {
		return named.Err
	}
	return err
}

// checkAdmin says which of the values of --admin is no URL of an address.
func checkAdmin(admins ...string) error {
	if len(admins) == 0 {
		return errors.New("--admin: it is empty")
	}
	for _, admin := range admins {
		u, err := url.Parse(admin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
			u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			return fmt.Errorf("--admin: %q is no URL such as %s", admin, adminDefault)
		}
	}
	return nil
}

// statusText is how a message calls the status of an answer.
func (a answer) statusText() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))
}
