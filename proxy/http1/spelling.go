package http1

import (
	"net/http"
	"strings"
)

// Spelling has the names that a server spelled differently from
// http.CanonicalHeaderKey.
type Spelling []spelled

type spelled struct{ canonical, name string }

// Apply gives the fields of header the names that the server used, except those
// that net/http looks up by their canonical names.
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

// RespellWebSocket gives the fields of a handshake the names of RFC 6455: some
// clients compare bytes.
func RespellWebSocket(header map[string][]string) {
	for name, values := range header {
		canonical := http.CanonicalHeaderKey(name)
		if spelled := spell(canonical); strings.HasPrefix(canonical, "Sec-Websocket-") && spelled != name {
			delete(header, name)
			header[spelled] = values
		}
	}
}
