package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"originwarden/proxy/upstream/dial"
)

// Route identifies an Upstream. It is comparable. Several prefixes of a server, and
// several values of Host, share a Route.
type Route struct {
	// Scheme is http, https, h2c (HTTP/2 without TLS) or unix (HTTP/1.1 over a socket).
	// Address is a host with or without a port, or the path of the socket.
	Scheme, Address string
	// TLS is for https; nil is the system's authorities and no certificate.
	TLS *tls.Config

	Connect  time.Duration // for connecting; 0 is no limit, here and below
	Response time.Duration // from the request's last byte to the response's header
	Idle     time.Duration // a connection kept for the next request
}

// RouteTo returns the Route to the server of a URL, whose scheme is one of those of
// Route, without TLS settings and limits.
func RouteTo(u *url.URL) Route {
	if u.Scheme == "unix" {
		return Route{Scheme: u.Scheme, Address: u.Path}
	}
	return Route{Scheme: u.Scheme, Address: u.Host}
}

// Prefix returns what comes before the path of each request to the upstream of a URL: a
// path without a slash at its end, or "".
func Prefix(u *url.URL) string {
	if u.Scheme == "unix" {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// Host returns the Host that names the upstream of a URL (RFC 9110, section 7.2), without
// the default port. That of a Unix socket is localhost.
func Host(u *url.URL) string {
	if u.Scheme == "unix" {
		return "localhost"
	}
	name, _, _ := strings.Cut(u.Hostname(), "%") // a zone is local (RFC 6874, section 1)
	if port := u.Port(); port != "" && port != defaultPort(u.Scheme) {
		return net.JoinHostPort(name, port)
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// BaseURL returns the URL of http or https to which the path of a request to u is
// appended. It leads to a Unix socket only by NewTransport.
func BaseURL(u *url.URL) string {
	scheme, authority := "http", u.Host
	switch u.Scheme {
	case "https":
		scheme = "https"
	case "unix":
		authority = Host(u)
	}
	return (&url.URL{Scheme: scheme, Host: authority}).String() + Prefix(u)
}

// NewTransport returns a transport of net/http that connects to the route whatever the
// host of a request is, for the gateway's own requests: nothing is retried.
func (r Route) NewTransport() *http.Transport {
	dialer := new(dial.Dialer)
	r.configure(dialer)
	t := &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialOnce(ctx) },
		TLSClientConfig:        r.TLS,
		ForceAttemptHTTP2:      r.TLS == nil,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
	if r.Scheme == "h2c" {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return t
}

// configure sets the address and the limit of a Dialer.
func (r Route) configure(d *dial.Dialer) {
	d.Timeout = r.Connect
	if r.Scheme == "unix" {
		d.Socket = r.Address
		return
	}
	to := url.URL{Host: r.Address}
	d.Host, d.Port = to.Hostname(), cmp.Or(to.Port(), defaultPort(r.Scheme))
}
