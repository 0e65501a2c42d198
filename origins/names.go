package origins

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTenantIDLength is the greatest length of a tenant's id, in bytes.
const MaxTenantIDLength = 64

// IsTenantID reports whether s can be the id of a tenant: letters, digits,
// hyphens, underscores and dots, the first a letter or a digit. It is safe in
// logs, labels and paths.
func IsTenantID(s string) bool {
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= MaxTenantIDLength && strings.Contains(alphanumeric, s[:1]) &&
		strings.Trim(s, alphanumeric+"-_.") == ""
}

// MaxSubjectLength is the greatest length of a subject, in characters.
const MaxSubjectLength = 256

// IsSubject reports whether s can be the subject of a token, which web
// integrations show as createdBy: valid UTF-8 without control characters.
func IsSubject(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= MaxSubjectLength && !strings.ContainsFunc(s, unicode.IsControl)
}

// IsLoopbackName reports whether a host name in lower case is localhost, a name
// below it, or a loopback address in the form that browsers send. Browsers
// resolve none of these by DNS, so a page cannot rebind them.
func IsLoopbackName(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// IsSecureURL reports whether rawURL is an https URL, or an http URL on this
// machine, so that nobody on the network can change what is fetched from it. Names
// below localhost are not included: unlike browsers, a resolver may ask DNS.
func IsSecureURL(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return false
	}
	addr, _ := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || addr.IsLoopback())
}

// IsToken reports whether s is a token (RFC 9110, section 5.6.2), as the names of
// methods and headers are.
func IsToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}
