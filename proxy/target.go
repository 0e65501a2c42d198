package proxy

import (
	"net/http"
	"net/url"
	"strings"
)

// target is what a request asks for, as the client wrote it. The path is decided
// on; the tenant gets both.
type target struct {
	path  string
	query string // with its question mark, or ""
}

// rawTarget takes the path from the request line, in origin-form or in
// absolute-form (RFC 9112, section 3.2). net/url keeps only what it decodes to
// where the bytes are not what it would have written itself.
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

// bytes is the target in origin-form.
func (t target) bytes() string {
	if t.path == "" {
		return "/" + t.query
	}
	return t.path + t.query
}

// problem reports a target of another form than the two, and one that cannot be
// sent on byte for byte. HTTP/2 delimits it otherwise than a request line, in
// which a space would end it.
func (t target) problem(r *http.Request) *problem {
	switch {
	case t.path != "" && t.path[0] != '/',
		r.URL.Scheme != "" && !isAbsoluteForm(r),
		strings.ContainsFunc(r.RequestURI, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return badTarget
	}
	return nil
}

// isAbsoluteForm reports whether a target that has a scheme is a URL of a host,
// where a target may be one: HTTP/2 has :scheme and :authority instead. User
// info would hide which host that is (RFC 9110, section 4.2.4).
func isAbsoluteForm(r *http.Request) bool {
	u := r.URL
	return r.ProtoMajor == 1 && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// write puts the path and the query of in, byte for byte, into the URL of the
// request to a tenant of HTTP/2. net/http takes a path that begins with two
// slashes for a host, and takes the host of the request off again.
func (t target) write(out *http.Request, in *url.URL) {
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
