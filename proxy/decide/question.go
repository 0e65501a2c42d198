package decide

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"originwarden/envelope/clientaddr"
	"originwarden/proxy/request"
)

// Question is what a proxy says of a request that it has received.
type Question struct {
	// Fields are the client's header. Its Host is not asked for.
	Fields request.Fields
	Method string
	// Target is in origin-form, or "*" (RFC 9112, section 3.2).
	Target string
	Host   string
	HTTPS  bool // the client has used it
	// Length is that of the body in bytes, if it is known, or 0.
	Length int64
	// Client is who has sent the request to the proxy.
	Client netip.Addr
}

// Reasons for which a question has no request.
var (
	errNoMethod = errors.New("there is no method")
	errNoHost   = errors.New("there is no host")
	errTarget   = errors.New("the target is not a path")
	errEscape   = errors.New("the target has an invalid escape")
	errClient   = errors.New("there is no address of the client")
)

// Request returns the client's request, or what is wrong with the question. The rules
// for requests are not checked. The version counts as HTTP/1.1.
func (q *Question) Request() (request.Request, error) {
	r := request.Request{
		Fields: q.Fields, Method: q.Method, URI: q.Target, Host: q.Host, Length: q.Length,
		HTTP1: true, Minor: 1, TLS: q.HTTPS, Peer: q.Client,
	}
	switch {
	case q.Method == "":
		return r, errNoMethod
	case q.Host == "":
		return r, errNoHost
	case !q.Client.IsValid():
		return r, errClient
	case q.Target != "*" && !strings.HasPrefix(q.Target, "/"):
		return r, errTarget
	}
	r.ParseTarget()
	return r, checkEscapes(r.Target().Path)
}

// checkEscapes returns an error if the path has an invalid escape. net/http answers such
// a request itself, and tenants differ in how they read it.
func checkEscapes(path string) error {
	if strings.IndexByte(path, '%') < 0 {
		return nil
	}
	if _, err := url.PathUnescape(path); err != nil {
		return errEscape
	}
	return nil
}

// reader reads the fields that a proxy has set.
type reader struct {
	fields request.Fields
	err    error // the first
}

func (q *reader) fail(name, problem string) {
	if q.err == nil {
		q.err = fmt.Errorf("%s %s", name, problem)
	}
}

// line returns the value of a field that has one line, which is not empty.
func (q *reader) line(name string) string {
	switch lines := q.fields.Values(name); {
	case len(lines) == 0:
		q.fail(name, "is missing")
	case len(lines) > 1:
		q.fail(name, "is repeated")
	case lines[0] == "":
		q.fail(name, "is empty")
	default:
		return lines[0]
	}
	return ""
}

// value is line for a field that is not a list.
func (q *reader) value(name string) string {
	line := q.line(name)
	if strings.IndexByte(line, ',') >= 0 {
		q.fail(name, "has several values")
	}
	return line
}

// optional returns the lines of a field that is missing, or as line wants it.
func (q *reader) optional(name string) []string {
	lines := q.fields.Values(name)
	if lines != nil {
		q.line(name)
	}
	return lines
}

// isHTTPS reports whether a field has the scheme https. Some proxies write wss for a
// WebSocket.
func (q *reader) isHTTPS(name string) bool {
	switch line := q.value(name); strings.ToLower(line) {
	case "https", "wss":
		return true
	case "http", "ws":
	default:
		q.fail(name, "is not http or https")
	}
	return false
}

// address returns the address in text, which is from a field.
func (q *reader) address(name, text string) netip.Addr {
	address := clientaddr.Parse(text)
	if !address.IsValid() {
		q.fail(name, "is not an address")
	}
	return address
}
