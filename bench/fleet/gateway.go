package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"originwarden/api/client"
)

// gateway is one of the fleet, as its clients see it.
type gateway struct {
	address, admin, token string
	connections           http.RoundTripper
}

func newGateway(address, admin, token string) *gateway {
	return &gateway{address, admin, token, &http.Transport{MaxIdleConnsPerHost: 256}}
}

// api is that of the tenant that has the host.
func (g *gateway) api(host string) *client.Client {
	return &client.Client{
		Server: "http://" + host, Token: g.token, MaxWait: -1,
		HTTPClient: &http.Client{Transport: hosted{g, host}, Timeout: 10 * time.Second},
	}
}

// hosted sends requests to a gateway, whatever the host, over the connections
// that all hosts share.
type hosted struct {
	*gateway
	host string
}

func (h hosted) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host, r.Host = h.address, h.host
	return h.connections.RoundTrip(r)
}

// ask sends a request of an origin, and returns the status of the response.
func (g *gateway) ask(ctx context.Context, method, host, origin string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+g.address+"/", nil)
	if err != nil {
		return 0, err
	}
	r.Host = host
	r.Header.Set("Origin", origin)
	if method == http.MethodOptions {
		r.Header.Set("Access-Control-Request-Method", http.MethodPut)
	}
	answer, err := g.connections.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

type readiness struct {
	Ready    bool
	Revision uint64
	Problem  string
	Store    struct{ Up bool }
}

// await waits until the gateway says what is wanted.
func (g *gateway) await(ctx context.Context, wanted func(readiness) bool) error {
	for {
		is, err := g.readiness(ctx)
		if err == nil && wanted(is) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s says %+v, %w", g.admin, is, err)
		}
	}
}

func (g *gateway) readiness(ctx context.Context) (is readiness, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.admin+"/readyz", nil)
	if err != nil {
		return is, err
	}
	answer, err := g.connections.RoundTrip(r)
	if err != nil {
		return is, err
	}
	defer answer.Body.Close()
	return is, json.NewDecoder(answer.Body).Decode(&is)
}
