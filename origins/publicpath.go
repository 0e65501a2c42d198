package origins

import (
	"strings"
	"unicode/utf8"
)

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
// parent segment, no empty one, no parameter, no bytes but ASCII, and no escape that
// hides one of these or that decoders disagree about. Escapes of other characters are
// valid UTF-8.
func isPlainPath(path string) bool {
	var sequence [utf8.UTFMax]byte // the escaped bytes of a character that is not complete
	length := 0
	for i := 0; i < len(path); i++ {
		rest := path[i+1:]
		escaped := byte(0)
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
			escaped = hexDigit(rest[0])<<4 | hexDigit(rest[1])
			i += 2
		}
		switch {
		case escaped >= utf8.RuneSelf:
			sequence[length] = escaped
			if length++; !utf8.FullRune(sequence[:length]) {
				continue
			}
			if r, _ := utf8.DecodeRune(sequence[:length]); r == utf8.RuneError {
				return false
			}
			length = 0
		case length > 0, path[i] >= utf8.RuneSelf:
			return false
		}
	}
	return length == 0
}

// isPlainEscape reports whether an escape, by its digits, is valid and stands for a
// byte that means nothing in a path. %25 would be an escape to those who decode twice.
func isPlainEscape(high, low byte) bool {
	if high > 0xf || low > 0xf {
		return false
	}
	switch decoded := high<<4 | low; decoded {
	case '.', '/', '\\', ';', '%', 0x7f:
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
