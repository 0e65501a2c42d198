// Package urls parses the URLs in a configuration. Its errors quote what is wrong.
package urls

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ErrUserInfo says that a URL has a user or a password.
var ErrUserInfo = errors.New("the URL has user info")

// Parse parses a URL of one of the schemes, a host and perhaps a path. A slash at its end
// means nothing. The error shows the example.
func Parse(text, example string, schemes ...string) (*url.URL, error) {
	parsed, err := url.Parse(strings.TrimSuffix(text, "/"))
	invalid := err != nil || !slices.Contains(schemes, parsed.Scheme) || parsed.Hostname() == ""
	switch {
	case invalid && HasUserInfo(text), !invalid && parsed.User != nil:
		return nil, ErrUserInfo
	case invalid:
		return nil, fmt.Errorf("%.80q is not a URL such as %s", text, example)
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" || strings.HasSuffix(text, "#"):
		return nil, fmt.Errorf("%.80q has a query or a fragment, which would be ignored", text)
	case strings.HasSuffix(parsed.Host, ":") || parsed.Port() != "" && !IsPort(parsed.Port(), 1):
		return nil, fmt.Errorf("%.80q has a port that is not a number from 1 to 65535", text)
	}
	return parsed, nil
}

// HasUserInfo reports whether text, which may be no valid URL, looks like one with a user
// or a password. Errors do not quote it.
func HasUserInfo(text string) bool {
	_, rest, found := strings.Cut(text, "://")
	return found && strings.Contains(rest, "@")
}

// IsPort reports whether s is a port number of at least lowest.
func IsPort(s string, lowest uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= lowest && strconv.FormatUint(n, 10) == s
}

// IsNotInPath reports whether r is a percent sign, or neither a slash nor a
// pchar (RFC 3986, section 3.3).
func IsNotInPath(r rune) bool {
	const punctuation = "/-._~!$&'()*+,;=:@"
	isAlphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !isAlphanumeric && !strings.ContainsRune(punctuation, r)
}
