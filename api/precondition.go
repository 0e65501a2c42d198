package api

import (
	"net/http"
	"strconv"
	"strings"
)

// etag is the entity tag of a web integration as of revision.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// permits reports whether a request with header may change a web integration
// that is there, as of revision (RFC 9110, section 13.1.1). What is no list of
// entity tags names none.
func permits(header http.Header, revision uint64) bool {
	lines := header.Values("If-Match")
	return lines == nil || namesTag(lines, etag(revision))
}

// unmodified reports whether a reader has the web integration as of revision
// already (RFC 9110, section 13.1.2).
func unmodified(header http.Header, revision uint64) bool {
	lines := header.Values("If-None-Match")
	tag := etag(revision)
	return lines != nil && (namesTag(lines, tag) || namesTag(lines, "W/"+tag))
}

// namesTag reports whether the lines are "*" or a list of entity tags with tag
// among them, byte for byte: a weak one is never a strong one.
func namesTag(lines []string, tag string) bool {
	value := strings.Trim(strings.Join(lines, ","), " \t")
	if value == "*" {
		return true
	}
	named := false
	for {
		// Empty elements are to be ignored (RFC 9110, section 5.6.1.2).
		value = strings.TrimLeft(value, " \t,")
		if value == "" {
			return named
		}
		end := tagLength(value)
		rest := strings.TrimLeft(value[end:], " \t")
		if end == 0 || rest != "" && rest[0] != ',' {
			return false
		}
		named = named || value[:end] == tag
		value = rest
	}
}

// tagLength is the length of the entity tag (RFC 9110, section 8.8.3) that s
// begins with, or 0. There may be commas in it.
func tagLength(s string) int {
	start := 0
	if strings.HasPrefix(s, "W/") {
		start = len("W/")
	}
	if start == len(s) || s[start] != '"' {
		return 0
	}
	for i := start + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c <= ' ' || c == 0x7f:
			return 0
		}
	}
	return 0
}
