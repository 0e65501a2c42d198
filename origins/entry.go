package origins

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// maxEntryLength is in bytes. A Unicode host may be longer than its canonical form.
const maxEntryLength = 1024

// EntryError is returned by ParseEntry for an invalid entry.
type EntryError struct {
	// Problem completes the sentence "the entry …".
	Problem string
}

func (e *EntryError) Error() string { return "the entry " + e.Problem }

// ParseEntry returns the canonical form of an entry that an administrator wrote:
// the bytes that a browser sends as the Origin of such a page. It accepts upper
// case, a default port, one trailing slash and a Unicode host, and leaves an opaque
// host as it is. Anything else that is not scheme://host[:port] is an *EntryError.
// The result is WellFormed and parses to itself.
func ParseEntry(entry string) (string, error) {
	if problem := entryProblem(entry); problem != "" {
		return "", &EntryError{problem}
	}
	scheme, rest, found := strings.Cut(entry, "://")
	if isASCII(scheme) { // the Kelvin sign's lower case is k
		scheme = strings.ToLower(scheme)
	}
	switch {
	case scheme == "file" || strings.HasPrefix(scheme, "file:"):
		return "", &EntryError{"has the scheme file, for which browsers send null"}
	case !found:
		return "", &EntryError{"has no scheme: an origin is scheme://host or scheme://host:port"}
	case !isScheme(scheme):
		return "", &EntryError{"has an invalid scheme"}
	}
	authority := strings.TrimSuffix(rest, "/")
	if problem := authorityProblem(authority); problem != "" {
		return "", &EntryError{problem}
	}
	host, port, ok := cutPort(authority)
	if port == defaultPort(scheme) {
		port = ""
	}
	if !ok || !isPort(port, scheme) {
		return "", &EntryError{"has a port that is not a number from 1 to 65535"}
	}
	host, problem := canonicalHostOf(scheme, host)
	if problem != "" {
		return "", &EntryError{problem}
	}
	canonical := scheme + "://" + host
	if port != "" {
		canonical += ":" + port
	}
	if !WellFormed(canonical) { // all but its length was checked above
		return "", &EntryError{"is longer than an origin can be"}
	}
	return canonical, nil
}

// entryProblem returns what is wrong with the entry as a whole, or "".
func entryProblem(entry string) string {
	switch {
	case entry == "":
		return "is empty"
	case len(entry) > maxEntryLength:
		return "is too long"
	case !utf8.ValidString(entry):
		return "is not valid UTF-8"
	case strings.ContainsFunc(entry, isSpaceOrControl):
		return "has a space or a control character"
	case strings.EqualFold(entry, opaque):
		return "is the opaque origin null, which any page can have"
	case strings.Contains(entry, "*"):
		return "has a wildcard: list each origin by name"
	}
	return ""
}

func isSpaceOrControl(r rune) bool { return r <= ' ' || r >= 0x7f && r <= 0xa0 }

// authorityProblem returns what a URL may have but an origin may not, or "".
func authorityProblem(authority string) string {
	switch {
	case authority == "":
		return "has no host"
	case strings.ContainsAny(authority, `/\`):
		return "has a path: an origin ends with its host or port"
	case strings.Contains(authority, "?"):
		return "has a query: an origin ends with its host or port"
	case strings.Contains(authority, "#"):
		return "has a fragment: an origin ends with its host or port"
	case strings.Contains(authority, "@"):
		return "has user info: an origin has none"
	}
	return ""
}

const (
	problemHost       = "has a host that is not a name, an IPv4 or a bracketed IPv6 address"
	problemOpaqueHost = "has a host that is not 1 to 255 characters of A-Z a-z 0-9 . _ ~ -, as its scheme requires"
)

// canonicalHostOf returns host as browsers serialize it after scheme, or what is
// wrong with it.
func canonicalHostOf(scheme, host string) (canonical, problem string) {
	switch {
	case isSpecial(scheme):
		return canonicalHost(host)
	case !isOpaqueHost(host):
		return "", problemOpaqueHost
	}
	return host, ""
}

func canonicalHost(host string) (canonical, problem string) {
	if strings.HasPrefix(host, "[") {
		return canonicalIPv6(host)
	}
	name, problem := asciiName(host)
	if problem != "" {
		return "", problem
	}
	if !isHost(name) {
		return "", problemHost
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label[0] == '-' || label[len(label)-1] == '-' {
			return "", "has a label that begins or ends with a hyphen"
		}
	}
	return name, ""
}

func canonicalIPv6(host string) (canonical, problem string) {
	inner, closed := strings.CutSuffix(host[1:], "]")
	addr, err := netip.ParseAddr(inner)
	if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", problemHost
	}
	return "[" + string(appendIPv6(nil, addr)) + "]", ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
