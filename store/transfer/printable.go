package transfer

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// printableJSON returns JSON with whatever would not show as a character on a
// terminal escaped (RFC 8259, section 7). Nothing like that is outside of
// strings.
func printableJSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, isHidden) {
		return text
	}
	var shown bytes.Buffer
	for _, r := range string(text) {
		switch {
		case !isHidden(r):
			shown.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&shown, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&shown, `\u%04x`, r)
		}
	}
	return shown.Bytes()
}

// printable returns s with the same escaped as in a Go string.
func printable(s string) string {
	var shown strings.Builder
	for _, r := range s {
		if !isHidden(r) {
			shown.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		shown.WriteString(quoted[1 : len(quoted)-1])
	}
	return shown.String()
}

func isHidden(r rune) bool { return !unicode.IsPrint(r) }
