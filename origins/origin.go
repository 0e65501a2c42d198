package origins

import (
	"net/netip"
	"strconv"
	"strings"
)

// MaxLength is the maximum length of a serialized origin, in bytes: a scheme of 64,
// "://", a host of 253, and a port of 6 with its colon. An opaque host may have two
// more, if the rest is shorter.
const MaxLength = 326

const (
	maxSchemeLength     = 64
	maxHostLength       = 253 // without the trailing dot (RFC 1035, section 2.3.4)
	maxLabelLength      = 63
	maxOpaqueHostLength = 255
)

// opaque is the serialization of an opaque origin (HTML, section 7.1.1).
const opaque = "null"

// WellFormed reports whether s is the canonical serialization of a tuple
// origin (RFC 6454, section 6.2) as browsers send it: a lower-case scheme,
// "://", a host, and a port unless it is the scheme's default. The host of a
// special scheme is a lower-case name or an address. The host of any other scheme,
// such as those of applications, is opaque. WellFormed is deliberately stricter
// than the URL standard: it refuses only what no browser sends for a page worth
// listing. It does not allocate if s is well-formed.
func WellFormed(s string) bool {
	if len(s) > MaxLength {
		return false
	}
	colon := strings.IndexByte(s, ':') // a scheme has none
	if colon < 0 || !isScheme(s[:colon]) || !strings.HasPrefix(s[colon:], "://") {
		return false
	}
	scheme := s[:colon]
	host, port, ok := cutPort(s[colon+len("://"):])
	return ok && isPort(port, scheme) && isHostOf(scheme, host)
}

// cutPort splits an authority without user info at the colon before its port.
// A colon without a port is not ok: browsers never serialize it.
func cutPort(authority string) (host, port string, ok bool) {
	end := 0
	if strings.HasPrefix(authority, "[") {
		if end = strings.IndexByte(authority, ']'); end < 0 {
			return "", "", false
		}
	}
	colon := strings.IndexByte(authority[end:], ':')
	if colon < 0 {
		return authority, "", true
	}
	host, port = authority[:end+colon], authority[end+colon+1:]
	return host, port, port != ""
}

func isScheme(s string) bool {
	if s == "" || len(s) > maxSchemeLength || !isLower(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !isLower(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// isPort reports whether a serialized origin of scheme may have this port. The
// empty string is no port.
func isPort(port, scheme string) bool {
	if port == "" {
		return true
	}
	if len(port) > len("65535") || port[0] == '0' || port == defaultPort(scheme) {
		return false
	}
	n := 0 // strconv would allocate an error for what a stranger sends
	for i := range len(port) {
		if !isDigit(port[i]) {
			return false
		}
		n = 10*n + int(port[i]-'0')
	}
	return n <= 65535
}

// defaultPort returns the port that the URL standard omits for a special scheme.
func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	case "ftp":
		return "21"
	}
	return ""
}

func isHostOf(scheme, host string) bool {
	if isSpecial(scheme) {
		return isHost(host)
	}
	return isOpaqueHost(host)
}

// isSpecial reports whether scheme is special (URL, section 4.2): its hosts are
// domain names and addresses. The hosts of all other schemes are opaque.
func isSpecial(scheme string) bool {
	switch scheme {
	case "http", "https", "ws", "wss", "ftp", "file":
		return true
	}
	return false
}

// isOpaqueHost reports whether host has only bytes that the opaque-host parser
// does not change (URL, section 3.5). An opaque host has no labels, and its case
// matters.
func isOpaqueHost(host string) bool {
	if host == "" || len(host) > maxOpaqueHostLength {
		return false
	}
	for i := range len(host) {
		if c := host[i]; !isLabelByte(c) && !isUpper(c) && c != '.' && c != '~' {
			return false
		}
	}
	return true
}

func isHost(host string) bool {
	if strings.HasPrefix(host, "[") {
		return strings.HasSuffix(host, "]") && isCanonicalIPv6(host[1:len(host)-1])
	}
	name := strings.TrimSuffix(host, ".")
	if name == "" || len(name) > maxHostLength {
		return false
	}
	last := 0 // the beginning of the last label
	for i := range len(name) {
		switch c := name[i]; {
		case isLabelByte(c):
		case c == '.' && isLabelLength(i-last):
			last = i + 1
		default:
			return false
		}
	}
	if !isLabelLength(len(name) - last) {
		return false
	}
	if isNumber(name[last:]) {
		return isCanonicalIPv4(host)
	}
	return true
}

func isLabelLength(n int) bool { return 0 < n && n <= maxLabelLength }

func isLabelByte(c byte) bool { return labelBytes[c] }

// labelBytes are the bytes of labels. A table takes less time than comparisons.
var labelBytes = func() (table [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-_") {
		table[c] = true
	}
	return table
}()

// isNumber reports whether the URL standard reads a host with this last label,
// which is not empty, as an IPv4 address ("ends in a number checker").
func isNumber(label string) bool {
	if !isDigit(label[0]) {
		return false
	}
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// isCanonicalIPv4 reports whether host is four decimal numbers from 0 to 255
// without leading zeros.
func isCanonicalIPv4(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Is4()
}

// isCanonicalIPv6 reports whether s is what browsers put between the brackets.
func isCanonicalIPv6(s string) bool {
	if len(s) > 39 || strings.IndexByte(s, '.') >= 0 || strings.IndexByte(s, '%') >= 0 {
		return false
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || !addr.Is6() {
		return false
	}
	var buf [40]byte
	return string(appendIPv6(buf[:0], addr)) == s
}

// appendIPv6 appends addr as the URL standard's IPv6 serializer does. netip differs
// only for IPv4-mapped addresses, which it writes with a dotted quad.
func appendIPv6(b []byte, addr netip.Addr) []byte {
	if !addr.Is4In6() {
		return addr.AppendTo(b)
	}
	raw := addr.As16()
	b = append(b, "::ffff:"...)
	b = strconv.AppendUint(b, uint64(raw[12])<<8|uint64(raw[13]), 16)
	b = append(b, ':')
	return strconv.AppendUint(b, uint64(raw[14])<<8|uint64(raw[15]), 16)
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
