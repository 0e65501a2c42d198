package listfile

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Write writes web integrations as YAML, in their order. A Reader reads them back
// unchanged, if they are valid and no two have one name.
func Write(to io.Writer, all []WebIntegration) error {
	out := bufio.NewWriter(to) // which keeps its first error
	out.WriteString(rootKey + ":")
	if len(all) == 0 {
		out.WriteString(" {}")
	}
	out.WriteString("\n")
	for _, w := range all {
		writeIntegration(out, w)
	}
	return out.Flush()
}

// maxSimpleKey is less than the 1024 characters that a key may have in one line with
// its value (YAML 1.2, section 7.4.2).
const maxSimpleKey = 1000

func writeIntegration(out *bufio.Writer, w WebIntegration) {
	name := Quote(w.Name)
	if len(name) > maxSimpleKey {
		out.WriteString("  ? " + name + "\n  :")
	} else {
		out.WriteString("  " + name + ":")
	}
	if len(w.ValidOrigins) == 0 {
		out.WriteString(" []")
	}
	out.WriteString("\n")
	for _, entry := range w.ValidOrigins {
		out.WriteString("    - " + Quote(entry) + "\n")
	}
}

// Quote returns a name or an origin as a printable scalar of YAML, in quotes if any
// reader of YAML could take it for something else.
func Quote(text string) string {
	if isPlain(text) {
		return text
	}
	return strconv.Quote(text) // its escapes are also those of YAML
}

// isPlain reports whether text needs no quotes in YAML, whatever the version.
func isPlain(text string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const others = "0123456789 ._-/:*"
	words := []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"} // of YAML 1.1
	return text != "" && strings.Contains(letters, text[:1]) && strings.Trim(text, letters+others) == "" &&
		!strings.Contains(text, ": ") && !strings.HasSuffix(text, ":") && !strings.HasSuffix(text, " ") &&
		!slices.Contains(words, strings.ToLower(text))
}

// Subtract returns the entries of list that are not in other, counting repeated
// ones.
func Subtract(list, other []string) (rest []string) {
	count := map[string]int{}
	for _, entry := range other {
		count[entry]++
	}
	for _, entry := range list {
		if count[entry]--; count[entry] < 0 {
			rest = append(rest, entry)
		}
	}
	return rest
}
