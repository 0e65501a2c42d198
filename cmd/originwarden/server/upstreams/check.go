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
)

// Check requests the upstreams of cfg that have a check configured, each at its
// interval, until ctx ends. tlsOf returns the tenant's current TLS settings.
func (u *Tracker) Check(ctx context.Context, cfg *config.Config, tlsOf func(*config.Tenant) *tls.Config) {
	var checks sync.WaitGroup
	defer checks.Wait()
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		if of := u.tenants()[t.ID]; of != nil && t.UpstreamCheck.Path != "" {
			checks.Go(func() { of.checkPeriodically(ctx, t, tlsOf) })
		}
	}
}

func (u *upstream) checkPeriodically(ctx context.Context, t *config.Tenant, tlsOf func(*config.Tenant) *tls.Config) {
	used := tlsOf(t)
	client := newClient(t, used)
	defer func() { client.CloseIdleConnections() }()
	tick := time.NewTicker(time.Duration(t.UpstreamCheck.Interval))
	defer tick.Stop()
	for {
		if now := tlsOf(t); now != used {
			client.CloseIdleConnections()
			client, used = newClient(t, now), now
		}
		cause := checkOnce(ctx, client, t)
		if ctx.Err() != nil {
			return
		}
		u.record(cause == "", cause)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// newClient returns a client for one tenant. It uses no proxy of the environment.
func newClient(t *config.Tenant, secured *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       time.Duration(t.UpstreamCheck.Timeout),
		Transport:     &http.Transport{TLSClientConfig: secured, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkOnce returns why the upstream is not healthy, or "".
func checkOnce(ctx context.Context, client *http.Client, t *config.Tenant) (cause string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Upstream.String()+t.UpstreamCheck.Path, nil)
	if err != nil {
		return "request"
	}
	if names := t.Names(); len(names) > 0 {
		request.Host = names[0]
	}
	request.Header.Set("User-Agent", "originwarden-check")
	response, err := client.Do(request)
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case err != nil:
		return "connect"
	}
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, 64<<10); err != nil && !errors.Is(err, io.EOF) {
		return "reset"
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Sprint("status_", response.StatusCode)
	}
	return ""
}
