package http1

import (
	"net/http"
	"strings"
)

// Spelling has the names that a server spelled otherwise than
// http.CanonicalHeaderKey does.
type Spelling []spelled

type spelled struct{ canonical, name string }

// Apply gives the fields of header their names as the server spelled them, but
// for those that net/http looks at under their canonical names.
func (s Spelling) Apply(header map[string][]string) {
	for _, field := range s {
		switch field.canonical {
		case "Connection", "Content-Length", "Content-Type", "Date", "Trailer", "Transfer-Encoding":
			continue
		}
		if values, ok := header[field.canonical]; ok {
			delete(header, field.canonical)
			header[field.name] = values
		}
	}
}

// Respell gives the fields of header the names of their standards.
func Respell(header map[string][]string) {
	for name, values := range header {
		if spelled := spell(name); spelled != name {
			delete(header, name)
			header[spelled] = values
		}
	}
}

// RespellWebSocket gives the fields of a handshake (RFC 6455) the names of the
// standard, however they are spelled: some clients compare bytes.
func RespellWebSocket(header map[string][]string) {
	for name, values := range header {
		canonical := http.CanonicalHeaderKey(name)
		if spelled := spell(canonical); strings.HasPrefix(canonical, "Sec-Websocket-") && spelled != name {
			delete(header, name)
			header[spelled] = values
		}
	}
}

// spell returns a canonical name of a header field as its standard spells it,
// where http.CanonicalHeaderKey does otherwise. Names are compared in any case,
// but some peers compare bytes.
func spell(canonical string) string {
	if name, ok := standard(canonical); ok {
		return name
	}
	return canonical
}
