package upstreams

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/proxy/upstream"
)

// Check requests the upstreams of cfg that have a check configured, each at its
// interval, until ctx ends. tlsOf returns the tenant's current TLS settings.
func (t *Tracker) Check(ctx context.Context, cfg *config.Config, tlsOf func(*config.Tenant) *tls.Config) {
	var checks sync.WaitGroup
	defer checks.Wait()
	all := t.current.Load()
	for i := range cfg.Tenants {
		configured := &cfg.Tenants[i]
		if configured.UpstreamCheck.Path == "" || all == nil {
			continue
		}
		for _, id := range configured.IDs() {
			if s := all.state(id); s != nil {
				checks.Go(func() { s.checkPeriodically(ctx, configured.For(id), tlsOf) })
			}
		}
	}
}

func (s *state) checkPeriodically(ctx context.Context, t *config.Tenant, tlsOf func(*config.Tenant) *tls.Config) {
	used := tlsOf(t)
	client := newClient(t, used)
	defer func() { client.CloseIdleConnections() }()
	tick := time.NewTicker(time.Duration(t.UpstreamCheck.Interval))
	defer tick.Stop()
	for {
		if next := tlsOf(t); next != used {
			client.CloseIdleConnections()
			client, used = newClient(t, next), next
		}
		cause := checkOnce(ctx, client, t)
		if ctx.Err() != nil {
			return
		}
		s.record(cause == "", cause)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// newClient returns a client for one tenant. It ignores the proxy settings of the
// environment.
func newClient(t *config.Tenant, tlsConfig *tls.Config) *http.Client {
	route := upstream.RouteTo(t.Upstream.URL)
	route.TLS, route.Connect = tlsConfig, time.Duration(t.UpstreamCheck.Timeout)
	return &http.Client{
		Timeout:       time.Duration(t.UpstreamCheck.Timeout),
		Transport:     route.NewTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkOnce returns why the upstream is not healthy, or "".
func checkOnce(ctx context.Context, client *http.Client, t *config.Tenant) (cause string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, upstream.BaseURL(t.Upstream.URL)+t.UpstreamCheck.Path, nil)
	if err != nil {
		return "request"
	}
	request.Host = upstream.Host(t.Upstream.URL)
	if names := t.NamedHosts(); len(names) > 0 && t.UpstreamHost == config.HostOfClient {
		request.Host = names[0]
	}
	request.Header.Set("User-Agent", "originwarden-check")
	response, err := client.Do(request)
	if err != nil {
		return upstream.CauseOf(ctx, err)
	}
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, 64<<10); err != nil && !errors.Is(err, io.EOF) {
		return upstream.CauseOf(ctx, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Sprint("status_", response.StatusCode)
	}
	return ""
}
