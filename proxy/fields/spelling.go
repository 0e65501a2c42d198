package fields

import (
	"net/http"
	"strings"
)

// Spelling has the names that a server spelled differently from
// http.CanonicalHeaderKey.
type Spelling []Spelled

// Spelled is a name as it was spelled.
type Spelled struct{ Canonical, Name string }

// Apply gives the fields of header, which has canonical names, those that the server
// used, except where net/http looks them up by their canonical names.
func (s Spelling) Apply(header map[string][]string) {
	for _, field := range s {
		switch field.Canonical {
		case "Connection", "Content-Length", "Content-Type", "Date", "Trailer", "Transfer-Encoding":
			continue
		}
		if values, ok := header[field.Canonical]; ok {
			delete(header, field.Canonical)
			header[field.Name] = values
		}
	}
}

// Respell gives the fields of header, which has canonical names, those that Spell
// returns.
func Respell(header map[string][]string) {
	for name, values := range header {
		if spelled := Spell(name); spelled != name {
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
		if spelled := Spell(canonical); strings.HasPrefix(canonical, "Sec-Websocket-") && spelled != name {
			delete(header, name)
			header[spelled] = values
		}
	}
}

// Spell returns a canonical name of a header field as its standard spells it, if
// http.CanonicalHeaderKey spells it differently, and otherwise unchanged. Case does not
// matter in a name (RFC 9110, section 5.1), but some peers compare bytes.
func Spell(canonical string) string {
	length := len(canonical)
	names := standardNames(length)
	for i := 0; i < len(names); i += length + 1 {
		if names[i] == canonical[0] && strings.EqualFold(names[i:i+length], canonical) {
			return names[i : i+length]
		}
	}
	return canonical
}

// standardNames returns the names of a length, separated by spaces, that the
// registry of HTTP fields and common use spell differently from
// http.CanonicalHeaderKey.
func standardNames(length int) string {
	const longest = 33
	if length > longest {
		return ""
	}
	return [longest + 1]string{
		2:  "IM TE",
		3:  "DAV DNT DPR ECT NEL P3P RTT TCN TTL URI",
		4:  "A-IM ALPN DASL DPoP ETag SLUG",
		7:  "Sec-GPC",
		8:  "CDN-Loop",
		9:  "Sec-CH-UA SourceMap",
		10: "Content-ID DPoP-Nonce PICS-Label SOAPAction Sec-CH-DPR",
		11: "Content-DPR Content-MD5 X-B3-SpanId",
		12: "MIME-Version X-B3-TraceId X-XSRF-TOKEN",
		13: "Last-Event-ID OData-Version",
		14: "Cal-Managed-ID HTTP2-Settings OData-EntityId Sec-CH-UA-Arch",
		15: "EDIINT-Features OData-Isolation Sec-CH-UA-Model Sec-CH-UA-WoW64 X-UA-Compatible",
		16: "CalDAV-Timezones OData-MaxVersion Sec-CH-UA-Mobile WWW-Authenticate X-XSS-Protection",
		17: "CDN-Cache-Control Sec-CH-UA-Bitness Sec-WebSocket-Key X-B3-ParentSpanId",
		18: "Sec-CH-UA-Platform",
		19: "AMP-Cache-Transform",
		20: "Sec-WebSocket-Accept",
		21: "Sec-CH-Viewport-Width Sec-WebSocket-Version",
		22: "Sec-CH-UA-Form-Factors Sec-CH-UA-Full-Version Sec-WebSocket-Protocol X-DNS-Prefetch-Control X-HTTP-Method-Override",
		23: "Repeatability-Client-ID",
		24: "Repeatability-Request-ID Sec-WebSocket-Extensions",
		26: "Sec-CH-UA-Platform-Version",
		27: "Sec-CH-Prefers-Color-Scheme Sec-CH-UA-Full-Version-List",
		29: "Sec-CH-Prefers-Reduced-Motion",
		33: "Include-Referred-Token-Binding-ID",
	}[length]
}
