package proxy

import (
	"net/http"
	"net/url"
	"strings"
)

// target is the request target as the client wrote it. The decision is on the path;
// the tenant gets both.
type target struct {
	path  string
	query string // with its question mark, or ""
}

// rawTarget returns the target in the request line, which is in origin-form or in
// absolute-form (RFC 9112, section 3.2). net/url does not keep all bytes.
func rawTarget(r *http.Request) target {
	raw := r.RequestURI
	if !strings.HasPrefix(raw, "/") {
		if _, rest, ok := strings.Cut(raw, "://"); ok {
			raw = rest[len(rest)-len(strings.TrimLeftFunc(rest, func(c rune) bool { return c != '/' && c != '?' })):]
		}
	}
	if i := strings.IndexByte(raw, '?'); i >= 0 {
		return target{raw[:i], raw[i:]}
	}
	return target{path: raw}
}

// originForm returns the target in origin-form.
func (t target) originForm() string {
	if t.path == "" {
		return "/" + t.query
	}
	return t.path + t.query
}

// check returns the response to a target of another form, or to one that cannot be
// forwarded byte for byte, or nil. A space would end it in a request line, but not
// in HTTP/2.
func (t target) check(r *http.Request) *problem {
	switch {
	case t.path != "" && t.path[0] != '/',
		r.URL.Scheme != "" && !isAbsoluteForm(r),
		strings.ContainsFunc(r.RequestURI, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return badTarget
	}
	return nil
}

// isAbsoluteForm reports whether a target that has a scheme is a URL of a host. It is
// not in HTTP/2, which has :scheme and :authority. User info could disguise the
// host (RFC 9110, section 4.2.4).
func isAbsoluteForm(r *http.Request) bool {
	u := r.URL
	return r.ProtoMajor == 1 && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// setURL sets the path and the query of in, byte for byte, in the URL of the request
// to a tenant of HTTP/2. net/http reads a path that begins with two slashes as a
// host, and removes the host of the request again.
func (t target) setURL(out *http.Request, in *url.URL) {
	u := out.URL
	u.Path, u.RawPath = in.Path, in.RawPath
	u.RawQuery, u.ForceQuery = in.RawQuery, in.ForceQuery
	switch {
	case strings.HasPrefix(t.path, "//"):
		u.Opaque = "//" + out.Host + t.path
	case u.EscapedPath() != t.path && t.path != "":
		u.Opaque = t.path
	}
}
