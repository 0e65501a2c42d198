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

// gateway is a gateway of the fleet, as its clients see it.
type gateway struct {
	address, admin, token string
	connections           http.RoundTripper
}

func newGateway(address, admin, token string) *gateway {
	return &gateway{address, admin, token, &http.Transport{MaxIdleConnsPerHost: 256}}
}

// api returns a client of the API of the tenant with the host.
func (g *gateway) api(host string) *client.Client {
	return &client.Client{
		Server: "http://" + host, Token: g.token, MaxWait: -1,
		HTTPClient: &http.Client{Transport: hostTransport{g, host}, Timeout: 10 * time.Second},
	}
}

// hostTransport sends requests with a host to a gateway. All hosts share its connections.
type hostTransport struct {
	*gateway
	host string
}

func (h hostTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host, r.Host = h.address, h.host
	return h.connections.RoundTrip(r)
}

// sendRequest sends a request with an origin, and returns the status of the response.
func (g *gateway) sendRequest(ctx context.Context, method, host, origin string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+g.address+"/", nil)
	if err != nil {
		return 0, err
	}
	r.Host = host
	r.Header.Set("Origin", origin)
	if method == http.MethodOptions {
		r.Header.Set("Access-Control-Request-Method", http.MethodPut)
	}
	response, err := g.connections.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

type readiness struct {
	Ready    bool
	Revision uint64
	Problem  string
	Store    struct{ Up bool }
}

// await waits until the readiness of the gateway satisfies condition.
func (g *gateway) await(ctx context.Context, condition func(readiness) bool) error {
	for {
		got, err := g.readiness(ctx)
		if err == nil && condition(got) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("readiness of %s: %+v, error %v", g.admin, got, err)
		}
	}
}

func (g *gateway) readiness(ctx context.Context) (got readiness, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.admin+"/readyz", nil)
	if err != nil {
		return got, err
	}
	response, err := g.connections.RoundTrip(r)
	if err != nil {
		return got, err
	}
	defer response.Body.Close()
	return got, json.NewDecoder(response.Body).Decode(&got)
}
