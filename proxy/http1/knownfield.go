package http1

import "strings"

// knownFieldID identifies a field that the gateway reads in every request.
type knownFieldID uint8

const (
	fieldOther     knownFieldID = iota
	fieldIrregular              // no regular head has it
	fieldHost
	fieldConnection
	fieldContentLength
	fieldOrigin
	fieldSecFetchSite
	fieldRequestMethod
	fieldRequestHeaders
	fieldIntegration
	fieldForwardedFor
	fieldForwardedHost
	fieldForwardedProto
	fieldTraceparent
	fieldLoop
	fieldAuthorization
	fieldUserAgent
	knownFields = iota
)

// knownField returns which field has a name, in any case.
func knownField(name string) knownFieldID {
	id, candidate := fieldOther, ""
	switch len(name) {
	case 2:
		id, candidate = fieldIrregular, "TE"
	case 4:
		id, candidate = fieldHost, "Host"
	case 6:
		if id, candidate = fieldOrigin, "Origin"; name[0]|0x20 == 'e' {
			id, candidate = fieldIrregular, "Expect"
		}
	case 7:
		if id, candidate = fieldIrregular, "Upgrade"; name[0]|0x20 == 't' {
			candidate = "Trailer"
		}
	case 8:
		id, candidate = fieldLoop, "Cdn-Loop"
	case 10:
		if id, candidate = fieldConnection, "Connection"; name[0]|0x20 == 'u' {
			id, candidate = fieldUserAgent, "User-Agent"
		}
	case 11:
		id, candidate = fieldTraceparent, "Traceparent"
	case 13:
		id, candidate = fieldAuthorization, "Authorization"
	case 14:
		if id, candidate = fieldContentLength, "Content-Length"; name[0]|0x20 == 's' {
			id, candidate = fieldSecFetchSite, "Sec-Fetch-Site"
		}
	case 15:
		id, candidate = fieldForwardedFor, "X-Forwarded-For"
	case 16:
		id, candidate = fieldForwardedHost, "X-Forwarded-Host"
	case 17:
		if id, candidate = fieldForwardedProto, "X-Forwarded-Proto"; name[0]|0x20 == 't' {
			id, candidate = fieldIrregular, "Transfer-Encoding"
		}
	case 23:
		id, candidate = fieldIntegration, "Qlik-Web-Integration-Id"
	case 29:
		id, candidate = fieldRequestMethod, "Access-Control-Request-Method"
	case 30:
		id, candidate = fieldRequestHeaders, "Access-Control-Request-Headers"
	}
	if candidate != "" && (name == candidate || strings.EqualFold(name, candidate)) { // most often equal, which costs less
		return id
	}
	return fieldOther
}
