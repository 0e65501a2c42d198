// Package request has what the rules of the gateway need to know of a request,
// whichever lane has read it: its target, its kind, who has sent it, and what the
// decision is on.
package request

import (
	"net/http"
	"net/netip"

	"originwarden/envelope/clientaddr"
)

// Fields are the fields of a header: an http.Header, or an http1.RequestHead.
type Fields interface {
	// Values returns the value of each line of a field, by its canonical name
	// (http.CanonicalHeaderKey), in the order of the lines; nil if there is none. The
	// caller does not change them.
	Values(name string) []string
}

// Request is the view of a request that the rules have, whichever lane has read it.
// It is made by New or Of, and is not changed.
type Request struct {
	Fields Fields
	Method string
	// URI is the request target, byte for byte.
	URI string
	// Host is the authority of the target, or the value of Host (RFC 9112, section
	// 3.2.2).
	Host string
	// Length is that of the body in bytes; negative is unknown.
	Length int64
	// HTTP1 says that the version is 1.x, and Minor is x.
	HTTP1 bool
	Minor int
	// TLS says that the peer has sent it over TLS.
	TLS bool
	// Peer is the other end of the connection, as clientaddr.Parse returns it.
	Peer netip.Addr

	target      Target
	misdirected bool // the target has a scheme, and is not the URL of a host
}

// ParseTarget sets the target from URI. A target that is not in origin-form is for Of.
func (r *Request) ParseTarget() { r.target = parseTarget(r.URI) }

// Of returns the view of a request that net/http has read. It shares the header of r.
func Of(r *http.Request) Request {
	return Request{
		Fields:      r.Header,
		Method:      r.Method,
		URI:         r.RequestURI,
		Host:        r.Host,
		Length:      r.ContentLength,
		HTTP1:       r.ProtoMajor == 1,
		Minor:       r.ProtoMinor,
		TLS:         r.TLS != nil,
		Peer:        clientaddr.Parse(r.RemoteAddr),
		target:      parseTarget(r.RequestURI),
		misdirected: r.URL.Scheme != "" && !isAbsoluteForm(r),
	}
}

// Target returns the request target, in two parts.
func (r *Request) Target() Target { return r.target }

// HTTP10 reports whether the version is HTTP/1.0.
func (r *Request) HTTP10() bool { return r.HTTP1 && r.Minor == 0 }

// NamesSeveralHosts reports whether r names several hosts. net/http refuses two Host
// lines and removes the only one, but leaves those of HTTP/2, beside :authority
// (RFC 9113, section 8.3.1).
func (r *Request) NamesSeveralHosts() bool {
	lines := r.Fields.Values("Host")
	return len(lines) > 1 || len(lines) == 1 && lines[0] != r.Host
}

// Scheme returns the scheme that the peer used: "https" over TLS, otherwise "http".
func (r *Request) Scheme() string {
	if r.TLS {
		return "https"
	}
	return "http"
}
