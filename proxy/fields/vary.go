package fields

import "strings"

// Limits of a tenant's Vary, beyond which it becomes "*". Its names are compared
// with each other, and none needs so many.
const (
	maxVaryNames = 64 // empty ones and duplicates too
	maxVaryBytes = 4 << 10
)

// MergeVary returns one line of Vary without duplicates that has the names of lines
// and Origin, or is "*" if they are. What is too long becomes "*", which keeps the
// response from every cache (RFC 9110, section 12.5.5).
func MergeVary(lines []string) string {
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

// appendName appends name unless it is empty, or one of names in any case.
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
