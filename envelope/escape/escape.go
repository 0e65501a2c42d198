// Package escape makes text that came from others harmless on a terminal and in
// a file that people read.
package escape

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Text returns s with every character that is not printable (control,
// formatting and line-breaking characters, by unicode.IsPrint) escaped as in a
// Go string. It is for the output of commands and for error documents; logs.Escape
// also limits the length, for the log, spans and /readyz.
func Text(s string) string {
	return replace(s, "", func(r rune) string {
		quoted := strconv.QuoteRune(r)
		return quoted[1 : len(quoted)-1]
	})
}

// JSON returns text, which is valid JSON, with the same characters escaped as
// RFC 8259, section 7, says. Newlines stay: they are never within strings.
func JSON(text []byte) []byte {
	return []byte(replace(string(text), "\n", func(r rune) string {
		if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			return fmt.Sprintf(`\u%04x\u%04x`, high, low)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}))
}

func replace(s, keep string, escaped func(rune) string) string {
	var text strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) || strings.ContainsRune(keep, r) {
			text.WriteRune(r)
		} else {
			text.WriteString(escaped(r))
		}
	}
	return text.String()
}
