package origins

import "strings"

// isPublic reports whether r only reads a public path: by GET, by HEAD, or as a
// preflight for one of them. A WebSocket does more than that.
func (p *Policy) isPublic(r *Request) bool {
	if len(p.PublicPaths) == 0 {
		return false
	}
	switch {
	case r.Kind == Actual:
		return isRead(r.Method) && p.isPublicPath(r.Path)
	case r.Kind == Preflight && len(r.Methods) == 1:
		return isRead(r.Methods[0]) && p.isPublicPath(r.Path)
	}
	return false
}

func isRead(method string) bool { return method == "GET" || method == "HEAD" }

func (p *Policy) isPublicPath(path string) bool {
	for _, public := range p.PublicPaths {
		prefix, isPrefix := strings.CutSuffix(public, "/*")
		if path == public || isPrefix && strings.HasPrefix(path, prefix) && strings.HasPrefix(path[len(prefix):], "/") {
			return isPlainPath(path)
		}
	}
	return false
}

// isPlainPath reports whether every server finds path where its bytes say: it has no
// parent segment, no empty one, no parameter, and no escape that hides one of these
// or that decoders disagree about.
func isPlainPath(path string) bool {
	for i := range len(path) {
		rest := path[i+1:]
		switch path[i] {
		case '\\', ';':
			return false
		case '/', '.':
			if rest != "" && rest[0] == path[i] {
				return false
			}
		case '%':
			if len(rest) < 2 || !isPlainEscape(hexDigit(rest[0]), hexDigit(rest[1])) {
				return false
			}
		}
	}
	return true
}

// isPlainEscape reports whether an escape, by its digits, is valid and stands for a
// byte that means nothing in a path. %25 would be an escape to those who decode twice,
// and %C0 and %C1 begin overlong forms of ASCII, which UTF-8 forbids.
func isPlainEscape(high, low byte) bool {
	if high > 0xf || low > 0xf {
		return false
	}
	switch decoded := high<<4 | low; decoded {
	case '.', '/', '\\', ';', '%', 0x7f, 0xc0, 0xc1:
		return false
	default:
		return decoded >= ' '
	}
}

// hexDigit returns the value of a hexadecimal digit, or 0xff.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10
	}
	return 0xff
}
