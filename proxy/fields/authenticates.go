package fields

import (
	"slices"
	"strings"
)

// Authenticates reports whether a header of a request or a response, such as an
// http.Header, has the credentials or the challenge of a scheme that authenticates the
// connection, not the request (RFC 4559, section 6): NTLM, Negotiate, Kerberos, Nego2 or
// CredSSP. It takes Values by canonical names.
func Authenticates(header interface{ Values(name string) []string }) bool {
	for _, name := range [...]string{"Authorization", "Proxy-Authorization", "Www-Authenticate", "Proxy-Authenticate"} {
		if slices.ContainsFunc(header.Values(name), hasConnectionScheme) {
			return true
		}
	}
	return false
}

// hasConnectionScheme reports whether a list of challenges, or credentials, has
// such a scheme. One inside another's parameter counts too: that only costs a
// connection.
func hasConnectionScheme(line string) bool {
	for element := range strings.SplitSeq(line, ",") {
		// The scheme ends at the first byte that some parser reads as white space.
		scheme := strings.Trim(element, " \t")
		if end := strings.IndexFunc(scheme, func(c rune) bool { return c <= ' ' || c >= 0x7f }); end >= 0 {
			scheme = scheme[:end]
		}
		for _, known := range [...]string{"NTLM", "Negotiate", "Kerberos", "Nego2", "CredSSP"} {
			if strings.EqualFold(scheme, known) {
				return true
			}
		}
	}
	return false
}
