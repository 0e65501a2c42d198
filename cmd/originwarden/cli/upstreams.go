package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/proxy"
)

// upstreams is what is known of the tenants' upstreams: from the requests that
// went there, and from checks where they are configured. Nothing depends on it
// but what operators see. It may be used concurrently.
type upstreams struct {
	byTenant atomic.Pointer[map[string]known]
}

// known is what the metrics tell of a tenant, for as long as it lasts: what went
// wrong with the last request of a tenant that nobody asks any more is no alarm.
type known struct {
	*watched
	lasts time.Duration
}

// lasting is for how long what was learnt of the tenant is told.
func lasting(t *config.Tenant) time.Duration {
	const fromRequests = time.Minute
	if t.UpstreamCheck.Path == "" {
		return fromRequests
	}
	return max(fromRequests, 2*time.Duration(t.UpstreamCheck.Interval)+time.Duration(t.UpstreamCheck.Timeout))
}

// watched is one tenant's. Its fields are set by whoever learnt last.
type watched struct {
	seen atomic.Pointer[sight]
}

// sight is what was learnt of an upstream.
type sight struct {
	up    bool
	at    time.Time
	cause string // of what went wrong: of a fixed set
}

// watch makes the tenants of cfg those that are known. Of a tenant that was
// known with the same upstream, what was learnt stays.
func (u *upstreams) watch(before, cfg *config.Config) {
	old, next := u.byTenant.Load(), make(map[string]known, len(cfg.Tenants))
	addresses := map[string]string{}
	if before != nil {
		for _, t := range before.Tenants {
			addresses[t.ID] = t.Upstream.String()
		}
	}
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		now := known{&watched{}, lasting(t)}
		if old != nil && (*old)[t.ID].watched != nil && addresses[t.ID] == t.Upstream.String() {
			now.watched = (*old)[t.ID].watched
		}
		next[t.ID] = now
	}
	u.byTenant.Store(&next)
}

func (u *upstreams) of(tenant string) *watched {
	all := u.byTenant.Load()
	if all == nil {
		return nil
	}
	return (*all)[tenant].watched
}

// observe learns from an exchange. Those that are as they were cost nothing to
// note.
func (u *upstreams) observe(x *proxy.Exchange) {
	of := u.of(x.Tenant)
	switch {
	case of == nil, x.UpstreamCause == proxy.CauseClient, x.UpstreamCause == proxy.CauseLoop:
	case x.UpstreamCause != "":
		of.saw(false, x.UpstreamCause)
	case x.Upstream > 0:
		of.saw(true, "")
	}
}

// staleSight is how old what is known may be before the same is noted again.
const staleSight = time.Second

func (of *watched) saw(up bool, cause string) {
	last := of.seen.Load()
	if last != nil && last.up == up && last.cause == cause && time.Since(last.at) < staleSight {
		return
	}
	of.seen.Store(&sight{up, time.Now(), cause})
}

// up tells, for each tenant of which something is known that lasts, whether its
// upstream was there.
func (u *upstreams) up() map[string]bool {
	up := map[string]bool{}
	for tenant, of := range *u.byTenant.Load() {
		if s := of.seen.Load(); s != nil && time.Since(s.at) < of.lasts {
			up[tenant] = s.up
		}
	}
	return up
}

// upstreamDocument is a tenant's upstream in the answer of /readyz.
type upstreamDocument struct {
	Tenant string `json:"tenant"`
	// Up is null while nothing is known.
	Up *bool `json:"up"`
	// Age is how many seconds ago that was learnt.
	Age float64 `json:"age,omitempty"`
	// Cause says why it is not up.
	Cause string `json:"cause,omitempty"`
}

// shownUpstreams is how many tenants /readyz tells of: those that are not up
// come first.
const shownUpstreams = 100

func (u *upstreams) documents() []upstreamDocument {
	var all []upstreamDocument
	for tenant, of := range *u.byTenant.Load() {
		d := upstreamDocument{Tenant: tenant}
		if s := of.seen.Load(); s != nil {
			d.Up, d.Age, d.Cause = &s.up, time.Since(s.at).Seconds(), s.cause
		}
		all = append(all, d)
	}
	rank := func(d upstreamDocument) int {
		switch {
		case d.Up == nil:
			return 1
		case *d.Up:
			return 2
		}
		return 0
	}
	slices.SortFunc(all, func(a, b upstreamDocument) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Tenant, b.Tenant))
	})
	return all[:min(len(all), shownUpstreams)]
}

// check asks the upstreams of a generation that want it, until ctx ends.
func (u *upstreams) check(ctx context.Context, of *generation) {
	var checks sync.WaitGroup
	defer checks.Wait()
	for i := range of.cfg.Tenants {
		t := &of.cfg.Tenants[i]
		if t.UpstreamCheck.Path == "" {
			continue
		}
		if watched := u.of(t.ID); watched != nil {
			checks.Go(func() { watched.check(ctx, t, of.upstreamTLS[t.UpstreamTLS]) })
		}
	}
}

func (of *watched) check(ctx context.Context, t *config.Tenant, secured *upstreamTLS) {
	used := secured.load()
	client := checkClient(t, used)
	defer func() { client.CloseIdleConnections() }()
	tick := time.NewTicker(time.Duration(t.UpstreamCheck.Interval))
	defer tick.Stop()
	for {
		if now := secured.load(); now != used {
			client.CloseIdleConnections()
			client, used = checkClient(t, now), now
		}
		cause := ask(ctx, client, t)
		if ctx.Err() != nil {
			return
		}
		of.saw(cause == "", cause)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// checkClient is a client of the tenant's alone, which asks the environment for
// nothing.
func checkClient(t *config.Tenant, secured *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       time.Duration(t.UpstreamCheck.Timeout),
		Transport:     &http.Transport{TLSClientConfig: secured, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ask returns why the upstream is not healthy, or "".
func ask(ctx context.Context, client *http.Client, t *config.Tenant) (cause string) {
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
