package proxy

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"originwarden/proxy/http1"
)

// route is all that a transport is made of. Tenants with the same route share
// the transport.
type route struct {
	scheme, host            string
	tls                     *tls.Config // nil: the system's authorities, and no certificate
	connect, response, idle time.Duration
}

// transportOf returns the transport to the upstream of a tenant: the one before,
// if there is one for its route.
func (s *settings) transportOf(t *Tenant, before *settings) *transport {
	to := cmp.Or(t.Upstream, new(url.URL)) // nobody can reach a tenant without
	r := route{to.Scheme, to.Host, t.UpstreamTLS, s.Timeouts.Connect, s.Timeouts.Response, s.Timeouts.Idle}
	known := s.transports[r]
	if known == nil {
		if known = before.transports[r]; known == nil {
			known = newTransport(s.Timeouts, to, cmp.Or(t.UpstreamTLS, new(tls.Config)))
		}
		s.transports[r] = known
	}
	return known
}

// transport is the way to an upstream: by HTTP/1.1, or by HTTP/2 where TLS has
// agreed on that. It keeps the tenant's bytes (no compression of its own) and asks
// the environment for nothing.
type transport struct {
	http1   *http1.Upstream
	http2   *http.Transport // nil without TLS
	retired atomic.Bool     // what comes takes another one

	dialer  net.Dialer
	address string
	tls     *tls.Config            // nil without TLS
	speaks  atomic.Int32           // of TLS: what was agreed on last
	agreed  atomic.Pointer[agreed] // on HTTP/2, and not used yet; or nil
}

func newTransport(timeouts Timeouts, upstream *url.URL, config *tls.Config) *transport {
	t := &transport{dialer: net.Dialer{Timeout: timeouts.Connect, KeepAlive: 30 * time.Second}}
	t.http1 = http1.New(http1.Config{Dial: t.dial, Response: timeouts.Response, Idle: timeouts.Idle})
	if upstream.Scheme != "https" {
		t.address = net.JoinHostPort(upstream.Hostname(), cmp.Or(upstream.Port(), "80"))
		return t
	}
	t.address = net.JoinHostPort(upstream.Hostname(), cmp.Or(upstream.Port(), "443"))
	t.tls = config.Clone()
	t.tls.ServerName = cmp.Or(t.tls.ServerName, upstream.Hostname())
	t.tls.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	t.http2 = t.newHTTP2(timeouts)
	return t
}

// closeIdle closes the connections that no request uses.
func (t *transport) closeIdle() {
	t.http1.CloseIdle()
	t.closeIdleHTTP2()
}

// retire closes the connections that no request uses, and the others when their
// requests have ended.
func (t *transport) retire() {
	t.retired.Store(true)
	t.http1.Retire()
	t.closeIdleHTTP2()
}

// used is called when a request has ended. Of a retired transport, net/http would
// keep a connection of HTTP/2 that was in use, until it was idle for long enough.
func (t *transport) used() {
	if t.retired.Load() {
		t.closeIdleHTTP2()
	}
}
