package http1

import (
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// RequestHead is the head of a request that is plainly regular: no two readers can
// disagree about where it ends and what it says. Its strings are parts of the string
// that Parse was given, and stay valid. The zero RequestHead is ready for Parse, which
// may be called again.
type RequestHead struct {
	Method string
	Target string // in origin-form (RFC 9112, section 3.2.1), byte for byte
	Host   string // the value of Host, byte for byte
	// Length is that of the body in bytes; 0 also if there is none. HasLength says that
	// Content-Length was sent.
	Length    int64
	HasLength bool
	// Close says that the client ends the connection after the response.
	Close bool
	// Fields are all lines, in the order in which they were sent.
	Fields Fields

	values []string // of Fields
	lines  [knownFields]fieldLines
}

// fieldLines are the lines of a known field: how many, and the index of the first.
type fieldLines struct{ count, first uint8 }

// maxFields is how many lines a regular head has at most.
const maxFields = 100

// Parse reads head, which ends with its empty line, and reports whether it is plainly
// regular. That is stricter than RFC 9112:
//
//   - the method is a token, but not CONNECT, TRACE, TRACK or PRI, in any case;
//   - the target is in origin-form and of visible ASCII, and its path is escaped
//     correctly;
//   - the version is HTTP/1.1;
//   - there are at most 100 fields, whose lines end with CR LF and are not folded; names
//     are tokens, and values have no control characters but tabs;
//   - there is exactly one Host, of letters, digits and ".-_:[]";
//   - there is at most one Content-Length, of digits, and at most one Connection, which
//     is keep-alive or close;
//   - there is no Transfer-Encoding, Upgrade, Expect, TE or Trailer.
//
// If it is not regular, the fields of h have no meaning. Parse does not limit the length.
func (h *RequestHead) Parse(head string) bool {
	h.Reset()
	line, rest, ok := cutLine(head)
	if !ok || !h.parseRequestLine(line) {
		return false
	}
	for line, rest, ok = cutLine(rest); ok && line != ""; line, rest, ok = cutLine(rest) {
		if len(h.Fields) == maxFields || !h.parseField(line) {
			return false
		}
	}
	return ok && rest == "" && h.lines[fieldHost].count == 1
}

// Reset forgets the head, and keeps the memory of its fields for the next one.
func (h *RequestHead) Reset() {
	clear(h.Fields)
	clear(h.values)
	*h = RequestHead{Fields: h.Fields[:0], values: h.values[:0]}
}

// cutLine cuts text after its first line, which ends with CR LF.
func cutLine(text string) (line, rest string, ok bool) {
	end := strings.IndexByte(text, '\n')
	if end < 1 || text[end-1] != '\r' {
		return "", "", false
	}
	return text[:end-1], text[end+1:], true
}

func (h *RequestHead) parseRequestLine(line string) bool {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	h.Method, h.Target = method, target
	return version == "HTTP/1.1" && isForwardedMethod(method) && isRegularTarget(target)
}

// isForwardedMethod reports whether a method may be forwarded. The other lane knows
// what to say about those that may not.
func isForwardedMethod(method string) bool {
	switch len(method) {
	case len("PRI"), len("TRACE"), len("CONNECT"):
		for _, never := range [...]string{"PRI", "TRACE", "TRACK", "CONNECT"} {
			if strings.EqualFold(method, never) {
				return false
			}
		}
	}
	return httpguts.ValidHeaderFieldName(method)
}

// isRegularTarget reports whether target is in origin-form, has only visible ASCII,
// and has a path in which each % begins an escape.
func isRegularTarget(target string) bool {
	if target == "" || target[0] != '/' {
		return false
	}
	inPath := true
	for i := range len(target) {
		switch c := target[i]; {
		case c <= ' ' || c >= 0x7f:
			return false
		case c == '?':
			inPath = false
		case c == '%' && inPath && !(i+2 < len(target) && isHex(target[i+1]) && isHex(target[i+2])):
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func (h *RequestHead) parseField(line string) bool {
	colon := strings.IndexByte(line, ':')
	if colon < 1 || !httpguts.ValidHeaderFieldName(line[:colon]) {
		return false
	}
	name, value := line[:colon], trimBlanks(line[colon+1:])
	if hasControl(value) {
		return false
	}
	index := len(h.Fields)
	h.Fields = append(h.Fields, Field{name, value})
	h.values = append(h.values, value)
	known := knownField(name)
	if known == fieldOther {
		return true
	}
	if h.lines[known].count++; h.lines[known].count == 1 {
		h.lines[known].first = uint8(index)
	}
	return h.parseKnown(known, value)
}

// parseKnown reads the fields on which the framing depends.
func (h *RequestHead) parseKnown(known knownFieldID, value string) bool {
	switch known {
	case fieldIrregular:
		return false
	case fieldHost:
		h.Host = value
		return isRegularHost(value)
	case fieldConnection:
		h.Close = strings.EqualFold(value, "close")
		return h.lines[known].count == 1 && (h.Close || strings.EqualFold(value, "keep-alive"))
	case fieldContentLength:
		length, err := strconv.ParseUint(value, 10, 63)
		h.Length, h.HasLength = int64(length), true
		return err == nil && isDigit(value[0]) && h.lines[known].count == 1
	}
	return true
}

// isRegularHost reports whether a Host has only what names, addresses and ports are
// made of.
func isRegularHost(host string) bool {
	for i := range len(host) {
		if c := host[i]; !('a' <= c|0x20 && c|0x20 <= 'z' || isDigit(c) || strings.IndexByte(".-_:[]", c) >= 0) {
			return false
		}
	}
	return host != ""
}

// hasControl reports whether a value has a control character other than a tab.
func hasControl(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// Values returns the value of each line of a field, by its name in any case, in the
// order in which they were sent; nil if there is none. The caller does not change them,
// and they are valid until Reset or the next Parse.
func (h *RequestHead) Values(name string) []string {
	known := knownField(name)
	if known == fieldOther || known == fieldIrregular {
		return h.Fields.Values(name)
	}
	switch lines := h.lines[known]; lines.count {
	case 0:
		return nil
	case 1:
		return h.values[lines.first : lines.first+1 : lines.first+1]
	}
	return h.Fields.Values(name)
}
