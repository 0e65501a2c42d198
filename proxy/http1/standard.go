package http1

import "strings"

// spell returns a canonical name of a header field as its standard spells it, if
// http.CanonicalHeaderKey spells it differently. Case does not matter in a name,
// but some peers compare bytes.
func spell(canonical string) string {
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
	switch length {
	case 2:
		return "IM TE"
	case 3:
		return "DAV DNT DPR ECT NEL P3P RTT TCN TTL URI"
	case 4:
		return "A-IM ALPN DASL DPoP ETag SLUG"
	case 7:
		return "Sec-GPC"
	case 8:
		return "CDN-Loop"
	case 9:
		return "Sec-CH-UA SourceMap"
	case 10:
		return "Content-ID DPoP-Nonce PICS-Label SOAPAction Sec-CH-DPR"
	case 11:
		return "Content-DPR Content-MD5 X-B3-SpanId"
	case 12:
		return "MIME-Version X-B3-TraceId X-XSRF-TOKEN"
	case 13:
		return "Last-Event-ID OData-Version"
	case 14:
		return "Cal-Managed-ID HTTP2-Settings OData-EntityId Sec-CH-UA-Arch"
	case 15:
		return "EDIINT-Features OData-Isolation Sec-CH-UA-Model Sec-CH-UA-WoW64 X-UA-Compatible"
	case 16:
		return "CalDAV-Timezones OData-MaxVersion Sec-CH-UA-Mobile WWW-Authenticate X-XSS-Protection"
	case 17:
		return "CDN-Cache-Control Sec-CH-UA-Bitness Sec-WebSocket-Key X-B3-ParentSpanId"
	case 18:
		return "Sec-CH-UA-Platform"
	case 19:
		return "AMP-Cache-Transform"
	case 20:
		return "Sec-WebSocket-Accept"
	case 21:
		return "Sec-CH-Viewport-Width Sec-WebSocket-Version"
	case 22:
		return "Sec-CH-UA-Form-Factors Sec-CH-UA-Full-Version Sec-WebSocket-Protocol X-DNS-Prefetch-Control X-HTTP-Method-Override"
	case 23:
		return "Repeatability-Client-ID"
	case 24:
		return "Repeatability-Request-ID Sec-WebSocket-Extensions"
	case 26:
		return "Sec-CH-UA-Platform-Version"
	case 27:
		return "Sec-CH-Prefers-Color-Scheme Sec-CH-UA-Full-Version-List"
	case 29:
		return "Sec-CH-Prefers-Reduced-Motion"
	case 33:
		return "Include-Referred-Token-Binding-ID"
	}
	return ""
}
