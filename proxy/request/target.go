package request

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// Target is the path and the query of a request target, as the client wrote them
// (RFC 9112, section 3.2). The decision is on the path; the tenant gets both.
type Target struct {
	Path  string
	Query string // with its question mark, or ""
}

// parseTarget splits the target of a request line, which is in origin-form or in
// absolute-form (RFC 9112, section 3.2). net/url does not keep all bytes.
func parseTarget(raw string) Target {
	if !strings.HasPrefix(raw, "/") {
		if _, rest, ok := strings.Cut(raw, "://"); ok {
			raw = rest[len(rest)-len(strings.TrimLeftFunc(rest, func(c rune) bool { return c != '/' && c != '?' })):]
		}
	}
	if i := strings.IndexByte(raw, '?'); i >= 0 {
		return Target{raw[:i], raw[i:]}
	}
	return Target{Path: raw}
}

// OriginForm returns the target in origin-form (RFC 9112, section 3.2.1).
func (t Target) OriginForm() string {
	if t.Path == "" {
		return "/" + t.Query
	}
	return t.Path + t.Query
}

// Below returns the target below a prefix, which is "" or a path without a slash at its
// end. The client's bytes follow as they are.
func (t Target) Below(prefix string) Target {
	if prefix == "" {
		return t
	}
	return Target{prefix + cmp.Or(t.Path, "/"), t.Query}
}

// MayLeaveRoot reports whether a server might find that the path leads above its root,
// and so out of the prefix that Below puts before it. Servers differ in what they decode
// before they resolve "..", whether slashes in a row are one, and what a semicolon begins;
// Windows ignores dots and spaces at the end of a name.
func (t Target) MayLeaveRoot() bool {
	if !strings.Contains(t.Path, "..") && !strings.Contains(t.Path, "%") {
		return false
	}
	depth := 0
	for segment := range strings.SplitSeq(t.Path, "/") {
		if depth += leastDescent(segment); depth < 0 {
			return true
		}
	}
	return false
}

// leastDescent returns how many levels deeper a path segment leads at least, whichever
// way a server reads it; each ".." leads one level up.
func leastDescent(segment string) (levels int) {
	decoded, err := url.PathUnescape(segment)
	if err != nil {
		decoded = segment
	}
	named := false
	for part := range strings.FieldsFuncSeq(decoded, func(c rune) bool { return c == '/' || c == '\\' }) {
		switch name, _, _ := strings.Cut(part, ";"); {
		case name == "", name == ".":
		case strings.Trim(name, ". ") == "":
			levels--
		default:
			named = true
		}
	}
	if named && levels == 0 {
		return 1
	}
	return levels
}

// HasValidTarget reports whether the target is the path of a host, and can be
// forwarded byte for byte. A space would end it in a request line, but not in
// HTTP/2.
func (r *Request) HasValidTarget() bool {
	isPath := r.target.Path == "" || r.target.Path[0] == '/'
	return isPath && !r.misdirected && !strings.ContainsFunc(r.URI, func(c rune) bool { return c <= ' ' || c == 0x7f })
}

// isAbsoluteForm reports whether a target that has a scheme is a URL of a host. It is
// not in HTTP/2, which has :scheme and :authority. User info could disguise the
// host (RFC 9110, section 4.2.4).
func isAbsoluteForm(r *http.Request) bool {
	u := r.URL
	return r.ProtoMajor == 1 && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// SetURL sets the path and the query of in, byte for byte, in the URL of the request
// to a tenant of HTTP/2. net/http reads a path that begins with two slashes as a
// host, and removes the host of the request again.
func (t Target) SetURL(out *http.Request, in *url.URL) {
	u := out.URL
	u.Path, u.RawPath = in.Path, in.RawPath
	u.RawQuery, u.ForceQuery = in.RawQuery, in.ForceQuery
	switch {
	case strings.HasPrefix(t.Path, "//"):
		u.Opaque = "//" + out.Host + t.Path
	case u.EscapedPath() != t.Path && t.Path != "":
		u.Opaque = t.Path
	}
}
