package decide

import "originwarden/proxy/request"

// Values that say what a proxy does not pass on. They are not changed.
var (
	upgradeToken      = []string{"upgrade"}
	webSocketProtocol = []string{"websocket"}
)

// clientFields is the header of the client within that of a question: what concerns the
// connection is what the proxy says of the client's, and what proxies say of the client
// is what the proxy has let pass.
type clientFields struct {
	request.Fields
	forwardedFor, upgrade, connection []string
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
	return f.Fields.Values(name)
}

// ownFields is a header whose Upgrade and Connection were lost on the way.
type ownFields struct{ request.Fields }

// Values implements request.Fields.
func (f *ownFields) Values(name string) []string {
	switch name {
	case "Upgrade":
		return webSocketProtocol
	case "Connection":
		return upgradeToken
	}
	return f.Fields.Values(name)
}

// claimsHandshake reports whether the client asks for a WebSocket, as far as a proxy
// shows it that passes neither Upgrade nor Connection on. Pages cannot set these fields
// (Fetch, section 2.2.2), and others only lose what a WebSocket may not have.
func claimsHandshake(header request.Fields) bool {
	return header.Values("Sec-Websocket-Key") != nil || header.Values("Sec-Websocket-Version") != nil
}
