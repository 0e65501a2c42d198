// Package upstream sends requests to the servers of tenants: by HTTP/1.1, or by
// HTTP/2 where TLS has agreed on it. It keeps the tenant's bytes (no compression
// of its own), ignores the proxy settings of the environment, and names why a request
// failed.
package upstream

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

// Route identifies an Upstream. It is comparable.
type Route struct {
	Scheme, Host string // http or https, and a host with or without a port
	// TLS is for https; nil is the system's authorities and no certificate.
	TLS *tls.Config

	Connect  time.Duration // for connecting; 0 is no limit, here and below
	Response time.Duration // from the request's last byte to the response's header
	Idle     time.Duration // a connection kept for the next request
}

// Upstream is the server of a Route, with the connections to it. It may be used
// concurrently.
type Upstream struct {
	http1   *http1.Pool
	http2   *http.Transport // nil without TLS
	retired atomic.Bool     // other requests use another Upstream

	dialer  net.Dialer
	address string
	tls     *tls.Config                // nil without TLS
	speaks  atomic.Int32               // with TLS: what was agreed on last
	unused  atomic.Pointer[unusedConn] // speaks HTTP/2; or nil
}

// New returns an Upstream without connections.
func New(r Route) *Upstream {
	u := &Upstream{dialer: net.Dialer{Timeout: r.Connect, KeepAlive: 30 * time.Second}}
	u.http1 = http1.New(http1.Config{Dial: u.dial, Response: r.Response, Idle: r.Idle})
	to := url.URL{Host: r.Host}
	if r.Scheme != "https" {
		u.address = net.JoinHostPort(to.Hostname(), cmp.Or(to.Port(), "80"))
		return u
	}
	u.address = net.JoinHostPort(to.Hostname(), cmp.Or(to.Port(), "443"))
	u.tls = cmp.Or(r.TLS, new(tls.Config)).Clone()
	u.tls.ServerName = cmp.Or(u.tls.ServerName, to.Hostname())
	u.tls.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	u.http2 = u.newHTTP2(r)
	return u
}

// CloseIdle closes the connections that no request uses.
func (u *Upstream) CloseIdle() {
	u.http1.CloseIdle()
	u.closeIdleHTTP2()
}

// Retire closes the connections that no request uses, and the others when their
// requests have ended.
func (u *Upstream) Retire() {
	u.retired.Store(true)
	u.http1.Retire()
	u.closeIdleHTTP2()
}

// Release has to be called when a request has ended. After Retire, net/http would
// keep an HTTP/2 connection that was in use until it was idle for long enough.
func (u *Upstream) Release() {
	if u.retired.Load() {
		u.closeIdleHTTP2()
	}
}

// Plain returns the connections of an upstream without TLS, or nil.
func (u *Upstream) Plain() *http1.Pool {
	if u.tls != nil {
		return nil
	}
	return u.http1
}
