package api

import (
	"net/http"
	"strconv"
	"strings"

	"originwarden/envelope"
)

// etag returns the entity tag of a web integration as of a revision.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// ifMatchPermits reports whether If-Match permits a write to a web integration that
// exists, as of a revision (RFC 9110, section 13.1.1). An invalid If-Match permits no
// write.
func ifMatchPermits(header http.Header, revision uint64) bool {
	lines := header.Values("If-Match")
	return lines == nil || containsTag(lines, etag(revision))
}

// checkIfMatch returns the response 412 unless If-Match permits a write to the web
// integration as of the revision.
func checkIfMatch(header http.Header, revision uint64) error {
	if ifMatchPermits(header, revision) {
		return nil
	}
	return preconditionFailed("The web integration's current ETag does not match If-Match.")
}

func preconditionFailed(detail string) *errorResponse {
	return newErrorResponse(http.StatusPreconditionFailed, envelope.Error{
		Code: "WEBINTEGRATIONS_CONFLICT", Title: "Precondition failed", Detail: detail,
	})
}

// isNotModified reports whether If-None-Match names the web integration as of a
// revision (RFC 9110, section 13.1.2).
func isNotModified(header http.Header, revision uint64) bool {
	lines := header.Values("If-None-Match")
	tag := etag(revision)
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
