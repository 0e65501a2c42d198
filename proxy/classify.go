package proxy

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

// decisionRequest returns what the decision needs to know of r.
func decisionRequest(x *exchange, r *http.Request) origins.Request {
	q := origins.Request{
		Kind:         x.Kind,
		Method:       r.Method,
		Path:         x.target.path,
		Origin:       r.Header["Origin"],
		SecFetchSite: r.Header["Sec-Fetch-Site"],
		Integration:  namedIntegration(r),
	}
	if x.Kind == origins.Preflight {
		q.Methods = r.Header["Access-Control-Request-Method"]
		q.Headers = r.Header["Access-Control-Request-Headers"]
	}
	return q
}

// namedIntegration collects the web integration ids of r's header and query.
func namedIntegration(r *http.Request) (id origins.IntegrationID) {
	for _, value := range r.Header[integrationHeader] {
		id.Add(value)
	}
	for query := r.URL.RawQuery; query != ""; {
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

// requestKind returns the kind of r, or why it is refused in every mode.
func requestKind(r *http.Request) (origins.Kind, *problem) {
	switch protocol := upgradeProtocols(r); {
	case protocol == "":
	case !isProtocol(protocol):
		return origins.Actual, upgradeRefused
	case strings.EqualFold(protocol, "websocket"):
		if !isHandshake(r) {
			return origins.WebSocket, upgradeRefused
		}
		return origins.WebSocket, nil
	}
	// Other upgrades are ignored (RFC 9110, section 7.8). Clients that offer h2c
	// with every request rely on that.
	if r.Method == http.MethodOptions && r.Header["Origin"] != nil && r.Header["Access-Control-Request-Method"] != nil {
		return origins.Preflight, nil
	}
	return origins.Actual, nil
}

// upgradeProtocols returns the protocols that r asks to switch to, or "". An
// Upgrade that Connection does not name does not count (RFC 9110, section 7.6.1).
func upgradeProtocols(r *http.Request) string {
	lines := r.Header["Upgrade"]
	if len(lines) == 0 || !httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") {
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
func isHandshake(r *http.Request) bool {
	keys := r.Header["Sec-Websocket-Key"]
	if r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 || r.ContentLength != 0 || len(keys) != 1 {
		return false
	}
	nonce, err := base64.StdEncoding.DecodeString(keys[0])
	return err == nil && len(nonce) == 16
}
