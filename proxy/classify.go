package proxy

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"originwarden/origins"
	"originwarden/proxy/http1"
)

// integrationID is the name by which a request names a web integration: of a
// header, or of a query parameter, which is all that a WebSocket in a browser
// can send.
const (
	integrationHeader    = "Qlik-Web-Integration-Id"
	integrationParameter = "qlik-web-integration-id"
)

// question is what the decision needs to know of r.
func question(x *exchange, r *http.Request) origins.Request {
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

// unescapeQuery decodes s, or returns it as it is when that is not possible:
// then it equals nothing that was ever encoded.
func unescapeQuery(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// classify tells what kind of request r is, or why it is refused in every mode.
func classify(r *http.Request) (origins.Kind, *problem) {
	switch protocol := upgrade(r); {
	case protocol == "":
	case !isProtocol(protocol):
		return origins.Actual, upgradeRefused
	case strings.EqualFold(protocol, "websocket"):
		if !isHandshake(r) {
			return origins.WebSocket, upgradeRefused
		}
		return origins.WebSocket, nil
	}
	// RFC 9110, section 7.8: a server may ignore an Upgrade. Clients that offer
	// h2c with every request count on it.
	if r.Method == http.MethodOptions && r.Header["Origin"] != nil && r.Header["Access-Control-Request-Method"] != nil {
		return origins.Preflight, nil
	}
	return origins.Actual, nil
}

// upgrade returns the protocols that r asks to switch to, or "". An Upgrade
// that Connection does not name is not meant for us (RFC 9110, section 7.6.1).
func upgrade(r *http.Request) string {
	lines := r.Header["Upgrade"]
	if len(lines) == 0 || !http1.HasToken(r.Header["Connection"], "upgrade") {
		return ""
	}
	return strings.TrimSpace(strings.Join(lines, ", "))
}

// isProtocol reports whether s is one protocol (RFC 9110, section 7.8).
func isProtocol(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == ',' || r >= 0x7f })
}

// isHandshake holds an upgrade to websocket to RFC 6455, section 4.1. The
// version is left to the tenant, which answers the ones it speaks.
func isHandshake(r *http.Request) bool {
	keys := r.Header["Sec-Websocket-Key"]
	if r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 || r.ContentLength != 0 || len(keys) != 1 {
		return false
	}
	nonce, err := base64.StdEncoding.DecodeString(keys[0])
	return err == nil && len(nonce) == 16
}
