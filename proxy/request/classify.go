package request

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"originwarden/origins"
)

// A request names a web integration by a header or by a query parameter, which is
// all that a WebSocket in a browser can send.
const (
	integrationHeader    = "Qlik-Web-Integration-Id"
	integrationParameter = "qlik-web-integration-id"
)

// ForDecision sets in q, which is the zero value, what the decision on a request of a
// kind, from Kind, needs to know. It shares the values of Fields.
func (r *Request) ForDecision(kind origins.Kind, q *origins.Request) {
	q.Kind, q.Method, q.Path = kind, r.Method, r.target.Path
	q.Origin, q.SecFetchSite = r.Fields.Values("Origin"), r.Fields.Values("Sec-Fetch-Site")
	q.Integration = r.namedIntegration()
	if kind == origins.Preflight {
		q.Methods = r.Fields.Values("Access-Control-Request-Method")
		q.Headers = r.Fields.Values("Access-Control-Request-Headers")
	}
}

// namedIntegration collects the web integration ids of the header and the query.
func (r *Request) namedIntegration() (id origins.IntegrationID) {
	for _, value := range r.Fields.Values(integrationHeader) {
		id.Add(value)
	}
	for query := strings.TrimPrefix(r.target.Query, "?"); query != ""; {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if isIntegrationParameter(key) {
			id.Add(unescapeQuery(value))
		}
	}
	return id
}

// isIntegrationParameter decodes a key only when it might be escaped.
func isIntegrationParameter(key string) bool {
	if key == integrationParameter {
		return true
	}
	return strings.IndexByte(key, '%') >= 0 && len(key) <= 3*len(integrationParameter) && unescapeQuery(key) == integrationParameter
}

// unescapeQuery decodes s, or returns it unchanged if it is invalid: then it equals
// no decoded name or id.
func unescapeQuery(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// Kind returns the kind of the request: a WebSocket handshake (RFC 6455, section 4.1), a
// preflight (Fetch, section 3.3.2), or an actual request. It reports false for an
// invalid handshake, and for an upgrade to what is not one protocol: these are refused
// in every mode.
func (r *Request) Kind() (kind origins.Kind, ok bool) {
	switch protocol := r.upgradeProtocols(); {
	case protocol == "":
	case !isProtocol(protocol):
		return origins.Actual, false
	case strings.EqualFold(protocol, "websocket"):
		return origins.WebSocket, r.isHandshake()
	}
	// Other upgrades are ignored (RFC 9110, section 7.8). Clients that offer h2c
	// with every request rely on that.
	if r.Method == http.MethodOptions && r.Fields.Values("Origin") != nil && r.Fields.Values("Access-Control-Request-Method") != nil {
		return origins.Preflight, true
	}
	return origins.Actual, true
}

// upgradeProtocols returns the protocols that r asks to switch to, or "". An
// Upgrade that Connection does not name does not count (RFC 9110, section 7.6.1).
func (r *Request) upgradeProtocols() string {
	lines := r.Fields.Values("Upgrade")
	if len(lines) == 0 || !httpguts.HeaderValuesContainsToken(r.Fields.Values("Connection"), "upgrade") {
		return ""
	}
	return strings.TrimSpace(strings.Join(lines, ", "))
}

// isProtocol reports whether s is one protocol (RFC 9110, section 7.8).
func isProtocol(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == ',' || r >= 0x7f })
}

// isHandshake reports whether an upgrade to websocket is valid (RFC 6455, section
// 4.1). The tenant checks the version.
func (r *Request) isHandshake() bool {
	keys := r.Fields.Values("Sec-Websocket-Key")
	if r.Method != http.MethodGet || !r.HTTP1 || r.HTTP10() || r.Length != 0 || len(keys) != 1 {
		return false
	}
	nonce, err := base64.StdEncoding.DecodeString(keys[0])
	return err == nil && len(nonce) == 16
}
