// Package upstream sends requests to the servers of tenants: by HTTP/1.1, also over Unix
// sockets, or by HTTP/2 where TLS has agreed on it or the URL says so. It keeps the
// tenant's bytes (no compression of its own), ignores the proxy settings of the
// environment, and names why a request failed.
package upstream

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"net/url"
	"sync/atomic"

	"originwarden/proxy/http1"
	"originwarden/proxy/upstream/dial"
)

// Upstream is the server of a Route, with the connections to it. It may be used
// concurrently.
type Upstream struct {
	http1   *http1.Pool
	http2   *http.Transport // nil for http and unix
	retired atomic.Bool     // other requests use another Upstream

	dialer dial.Dialer
	base   url.URL                    // of HTTP/2 requests: http or https, and the host
	tls    *tls.Config                // nil without TLS
	speaks atomic.Int32               // with TLS: what was agreed on last
	unused atomic.Pointer[unusedConn] // speaks HTTP/2; or nil
}

// New returns an Upstream without connections.
func New(r Route) *Upstream {
	u := &Upstream{base: url.URL{Scheme: "http", Host: r.Address}}
	r.configure(&u.dialer)
	u.http1 = http1.New(http1.Config{Dial: u.dial, Response: r.Response, Idle: r.Idle})
	switch r.Scheme {
	case "h2c":
		u.http2 = u.newHTTP2(r)
	case "https":
		u.tls = cmp.Or(r.TLS, new(tls.Config)).Clone()
		u.tls.ServerName = cmp.Or(u.tls.ServerName, u.dialer.Host)
		u.tls.ClientSessionCache = tls.NewLRUClientSessionCache(0)
		u.base.Scheme = "https"
		u.http2 = u.newHTTP2(r)
	}
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

// Plain returns the connections of an upstream that speaks HTTP/1.1 without TLS, or nil.
func (u *Upstream) Plain() *http1.Pool {
	if u.http2 != nil {
		return nil
	}
	return u.http1
}
