package decide

import "originwarden/proxy/request"

// Values that say what a proxy does not pass on. They are not changed.
var (
	upgradeToken      = []string{"upgrade"}
	webSocketProtocol = []string{"websocket"}
	standInKey        = []string{"AAAAAAAAAAAAAAAAAAAAAA=="}
)

// webSocketKey is the name of the field that WebSocketKey is about.
const webSocketKey = "Sec-Websocket-Key"

// WebSocketKey returns the lines of Sec-WebSocket-Key of a handshake. If there are none, it
// returns a key that stands for them: a handshake over HTTP/2 is an extended CONNECT, which
// has no key (RFC 8441, section 5), and proxies show it as one of HTTP/1.1. The caller must
// not change what it returns.
func WebSocketKey(lines []string) []string {
	if lines == nil {
		return standInKey
	}
	return lines
}

// clientFields is the header of the client within that of a question: what concerns the
// connection is what the proxy says of the client's, and what proxies say of the client
// is what the proxy has let pass.
type clientFields struct {
	request.Fields
	forwardedFor, upgrade, connection []string
	// claimed says that the handshake is known by claimsHandshake alone.
	claimed bool
}

// claimHandshake has the client ask for a WebSocket.
func (f *clientFields) claimHandshake() {
	f.claimed, f.upgrade, f.connection = true, webSocketProtocol, upgradeToken
}

// Values implements request.Fields.
func (f *clientFields) Values(name string) []string {
	switch name {
	case "X-Forwarded-For":
		return f.forwardedFor
	case "Upgrade":
		return f.upgrade
	case "Connection":
		return f.connection
	case "Host", "X-Forwarded-Host", "X-Forwarded-Proto":
		return nil // the question has said it
	}
	lines := f.Fields.Values(name)
	if f.claimed && name == webSocketKey {
		return WebSocketKey(lines)
	}
	return lines
}

// ownFields is the header of a handshake whose Upgrade and Connection were lost on the way.
type ownFields struct{ request.Fields }

// Values implements request.Fields.
func (f *ownFields) Values(name string) []string {
	switch name {
	case "Upgrade":
		return webSocketProtocol
	case "Connection":
		return upgradeToken
	case webSocketKey:
		return WebSocketKey(f.Fields.Values(name))
	}
	return f.Fields.Values(name)
}

// claimsHandshake reports whether the client asks for a WebSocket, as far as a proxy
// shows it that passes neither Upgrade nor Connection on. Over HTTP/2, there is no key. Pages
// cannot set these fields (Fetch, section 2.2.2), and others only lose what a WebSocket may
// not have.
func claimsHandshake(header request.Fields) bool {
	return header.Values(webSocketKey) != nil || header.Values("Sec-Websocket-Version") != nil
}
