package http1

import (
	"net/http"
	"slices"
	"strconv"

	"originwarden/proxy/fields"

	"golang.org/x/net/http/httpguts"
)

// appendRequest appends the head of the request: its line, Host, the fields by
// name, and how the body is delimited.
func appendRequest(b []byte, call *Call) []byte {
	r := call.Request
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, call.Target...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = appendField(b, "Host", r.Host)
	b = appendFields(b, r.Header)
	switch {
	case hasBody(r) && r.ContentLength < 0:
		b = appendField(b, "Transfer-Encoding", "chunked")
		for name := range r.Trailer {
			b = appendField(b, "Trailer", name)
		}
	case hasBody(r):
		b = appendField(b, "Content-Length", strconv.FormatInt(r.ContentLength, 10))
	case r.Header["Content-Length"] != nil, ExpectsBody(r.Method):
		b = appendField(b, "Content-Length", "0")
	}
	return append(b, "\r\n"...)
}

// ExpectsBody reports whether a request of method without a body says so, by
// Content-Length: 0 (RFC 9110, section 8.6).
func ExpectsBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// appendFields appends header, sorted by name, without the fields that delimit a
// message, which appendRequest writes.
func appendFields(b []byte, header http.Header) []byte {
	var room [32]string
	names := room[:0]
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		}
		for _, value := range header[name] {
			if name == "User-Agent" && value == "" { // how httputil says that there is none
				continue
			}
			b = appendField(b, fields.Spell(name), value)
		}
	}
	return b
}

// appendField appends a field unless it would end its line early.
func appendField(b []byte, name, value string) []byte {
	if !httpguts.ValidHeaderFieldName(name) || !isValue(value) {
		return b
	}
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// isValue reports whether s has none of the bytes that end a field's line, or
// make readers disagree about where it ends (RFC 9110, section 5.5).
func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == '\r' || c == '\n' || c == 0 {
			return false
		}
	}
	return true
}
