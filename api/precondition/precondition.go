// Package precondition evaluates the preconditions of requests for what exists, by
// its strong entity tag (RFC 9110, sections 8.8.3 and 13).
package precondition

import (
	"net/http"
	"strings"
)

// IfMatch reports whether If-Match permits a write to what has the tag (section
// 13.1.1). An invalid If-Match permits no write.
func IfMatch(header http.Header, tag string) bool {
	lines := header.Values("If-Match")
	return lines == nil || containsTag(lines, tag)
}

// IsNotModified reports whether If-None-Match names the tag, so that the client has
// what it asks for (section 13.1.2).
func IsNotModified(header http.Header, tag string) bool {
	lines := header.Values("If-None-Match")
	return lines != nil && (containsTag(lines, tag) || containsTag(lines, "W/"+tag))
}

// containsTag reports whether the lines are "*" or a list of entity tags that
// contains tag, byte for byte: a weak one never equals a strong one.
func containsTag(lines []string, tag string) bool {
	value := strings.Trim(strings.Join(lines, ","), " \t")
	if value == "*" {
		return true
	}
	found := false
	for {
		// Empty elements are ignored (RFC 9110, section 5.6.1.2).
		value = strings.TrimLeft(value, " \t,")
		if value == "" {
			return found
		}
		end := tagLength(value)
		rest := strings.TrimLeft(value[end:], " \t")
		if end == 0 || rest != "" && rest[0] != ',' {
			return false
		}
		found = found || value[:end] == tag
		value = rest
	}
}

// tagLength returns the length of the entity tag (RFC 9110, section 8.8.3) at the
// beginning of s, or 0. It may contain commas.
func tagLength(s string) int {
	opaque := strings.TrimPrefix(s, "W/")
	if !strings.HasPrefix(opaque, `"`) {
		return 0
	}
	end := 1 + strings.IndexFunc(opaque[1:], func(c rune) bool { return c == '"' || c <= ' ' || c == 0x7f })
	if end == 0 || opaque[end] != '"' {
		return 0
	}
	return len(s) - len(opaque) + end + 1
}
