package proxy

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// transports are the ways to the tenants: one for all that need no TLS of
// their own. They keep the tenants' bytes (no compression of their own) and ask
// the environment for nothing.
type transports struct {
	timeouts Timeouts
	shared   *transport
	own      []*transport
}

func newTransports(t Timeouts) *transports {
	return &transports{timeouts: t, shared: newTransport(t, nil)}
}

// successor returns transports with these timeouts, with the connections that
// there are if they were made with the same.
func (t *transports) successor(timeouts Timeouts) *transports {
	next := &transports{timeouts: timeouts, shared: t.shared}
	if timeouts != t.timeouts {
		next.shared = newTransport(timeouts, nil)
	}
	return next
}

// of returns the transport for a tenant with the given TLS, which may be nil.
func (t *transports) of(config *tls.Config) *transport {
	if config == nil {
		return t.shared
	}
	own := newTransport(t.timeouts, config)
	t.own = append(t.own, own)
	return own
}

func (t *transports) all() []*transport { return append([]*transport{t.shared}, t.own...) }

// transport is a way to tenants.
type transport struct {
	*http.Transport
	retired atomic.Bool // what comes takes another one
}

// retire closes the connections that no request uses.
func (t *transport) retire() {
	t.retired.Store(true)
	t.CloseIdleConnections()
}

// used is called when a request has ended. Of a retired transport, net/http would
// keep a connection of HTTP/2 that was in use, until it was idle for long enough.
func (t *transport) used() {
	if t.retired.Load() {
		t.CloseIdleConnections()
	}
}

func newTransport(t Timeouts, config *tls.Config) *transport {
	return &transport{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   t.Connect,
		ResponseHeaderTimeout: t.Response,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       t.Idle,
		MaxIdleConnsPerHost:   256,

		MaxResponseHeaderBytes: 256 << 10, // far more than browsers take
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}}
}
