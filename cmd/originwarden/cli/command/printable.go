package command

import (
	"strconv"
	"strings"
	"unicode"
)

// Printable returns s with the characters escaped that a terminal would not show
// as characters, as in a Go string.
func Printable(s string) string {
	return Escape(s, "", func(r rune) string {
		quoted := strconv.QuoteRune(r)
		return quoted[1 : len(quoted)-1]
	})
}

// Escape returns s with the runes escaped that are neither printable nor among
// kept.
func Escape(s, kept string, escape func(rune) string) string {
	var text strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) || strings.ContainsRune(kept, r) {
			text.WriteRune(r)
			continue
		}
		text.WriteString(escape(r))
	}
	return text.String()
}
