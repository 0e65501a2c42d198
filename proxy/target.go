package proxy

import (
	"net/http"
	"net/url"
	"strings"
)

// target is the path of a request as the client wrote it: what is decided on,
// and what the tenant gets.
type target struct{ path string }

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
	path, _, _ := strings.Cut(raw, "?")
	return target{path}
}

// problem reports a target of another form than the two, and one that cannot be
// sent on byte for byte. HTTP/2 delimits it otherwise than a request line, in
// which a space would end it.
func (t target) problem(r *http.Request) *problem {
	switch {
	case t.path != "" && t.path[0] != '/',
		r.URL.Scheme != "" && !isAbsoluteForm(r),
		strings.ContainsFunc(r.RequestURI, func(c rune) bool { return c <= ' ' || c == 0x7f }),
		strings.HasPrefix(t.path, "//") && r.URL.EscapedPath() != t.path:
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
// request to the tenant.
func (t target) write(out, in *url.URL) {
	out.Path, out.RawPath = in.Path, in.RawPath
	out.RawQuery, out.ForceQuery = in.RawQuery, in.ForceQuery
	if out.EscapedPath() != t.path && t.path != "" {
		out.Opaque = t.path
	}
}
