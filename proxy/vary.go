package proxy

import (
	"net/http"
	"strings"
)

// What a tenant's Vary may be before it is taken for "*". The names are compared
// with each other, and nobody has so many.
const (
	maxVaryNames = 64 // empty ones and doubles too
	maxVaryBytes = 4 << 10
)

// mergeVary adds Origin to Vary unless it is there, or "*" is, and leaves one
// line without doubles.
func (a *answer) mergeVary(header http.Header) {
	lines := header["Vary"]
	if len(lines) == 0 {
		header["Vary"] = a.stamps.vary
		return
	}
	header["Vary"] = []string{mergedVary(lines)}
}

// mergedVary is the line of mergeVary. What is too long becomes "*", which keeps
// the answer from every cache (RFC 9110, section 12.5.5).
func mergedVary(lines []string) string {
	var names []string
	seen, length := 0, 0
	for _, line := range lines {
		if length += len(line); length > maxVaryBytes {
			return "*"
		}
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if seen++; seen > maxVaryNames || name == "*" {
				return "*"
			}
			names = appendName(names, name)
		}
	}
	return strings.Join(appendName(names, "Origin"), ", ")
}

// appendName appends name unless it is empty, or there in any case.
func appendName(names []string, name string) []string {
	if name == "" {
		return names
	}
	for _, have := range names {
		if strings.EqualFold(have, name) {
			return names
		}
	}
	return append(names, name)
}
