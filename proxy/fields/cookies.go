package fields

import (
	"net/http"
	"slices"
	"strings"
)

// PrivateCookies are the names of cookies that no tenant gets. Cookies have no port and
// no path that keeps servers of one host apart, so that browsers send each the cookies
// of the others (RFC 6265, section 8.5).
type PrivateCookies []string

// Strip returns the line of a Cookie field without these cookies, and all else of it
// byte for byte. It is not ok if nothing is left.
func (p PrivateCookies) Strip(line string) (rest string, ok bool) {
	if !slices.ContainsFunc(p, func(name string) bool { return strings.Contains(line, name) }) {
		return line, true
	}
	var kept []string
	first := true // whether the first cookie is kept
	for i, pair := range strings.Split(line, ";") {
		if p.has(pair) {
			first = first && i > 0
			continue
		}
		kept = append(kept, pair)
	}
	rest = strings.Join(kept, ";")
	if !first {
		rest = strings.TrimLeft(rest, " \t")
	}
	return rest, strings.Trim(rest, " \t;") != ""
}

// has reports whether a cookie, NAME=VALUE or NAME, is one of these.
func (p PrivateCookies) has(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	return slices.Contains(p, strings.Trim(name, " \t"))
}

// StripHeader strips these cookies from a header.
func (p PrivateCookies) StripHeader(header http.Header) {
	lines := header["Cookie"]
	for i := 0; i < len(lines); i++ {
		rest, ok := p.Strip(lines[i])
		if rest != lines[i] { // the lines may be shared
			lines = slices.Clone(lines)
			lines[i] = rest
		}
		if !ok {
			lines = slices.Delete(lines, i, i+1)
			i--
		}
	}
	if len(lines) == 0 {
		delete(header, "Cookie")
		return
	}
	header["Cookie"] = lines
}
