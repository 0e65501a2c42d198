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

// transports are the ways to the tenants: one for each upstream, and another one
// for each tenant with TLS of its own. They keep the tenants' bytes (no
// compression of their own) and ask the environment for nothing.
type transports struct {
	timeouts Timeouts
	shared   map[string]*transport // by scheme and host
	before   map[string]*transport // to be shared, if they are asked for
}

func newTransports(t Timeouts) *transports {
	return &transports{timeouts: t, shared: map[string]*transport{}}
}

// successor returns transports with these timeouts, with the connections that
// there are if they were made with the same.
func (t *transports) successor(timeouts Timeouts) *transports {
	next := newTransports(timeouts)
	if timeouts == t.timeouts {
		next.before = t.shared
	}
	return next
}

// of returns the transport to upstream with the given TLS; both may be nil.
func (t *transports) of(upstream *url.URL, config *tls.Config) *transport {
	if upstream == nil {
		upstream = new(url.URL) // of a tenant that nobody can reach
	}
	if config != nil {
		return newTransport(t.timeouts, upstream, config)
	}
	key := upstream.Scheme + "://" + upstream.Host
	if t.shared[key] == nil {
		if t.shared[key] = t.before[key]; t.shared[key] == nil {
			t.shared[key] = newTransport(t.timeouts, upstream, new(tls.Config))
		}
	}
	return t.shared[key]
}

// transport is the way to an upstream: by HTTP/1.1, or by HTTP/2 where TLS has
// agreed on that.
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
