package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"originwarden/proxy/fields"
	"originwarden/proxy/http1"
	"originwarden/proxy/tunnel"
)

// handshakeTimeout is how long a client may take to receive the response to its
// handshake.
const handshakeTimeout = 5 * time.Second

var (
	errTunnelled  = errors.New("the exchange became a tunnel")
	errUnasked    = errors.New("the tenant switched protocols without being asked")
	errWrongProto = errors.New("the tenant switched to another protocol")
)

// openTunnel joins the client's connection with the tenant's after a WebSocket
// handshake and returns when both have ended. Its error is errTunnelled once
// the client's connection is taken over; before that the tenant's response can
// still be refused.
func (x *exchange) openTunnel(res *http.Response) error {
	upstream, ok := res.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
		return errWrongProto
	}
	client, buffered, err := x.response.control.Hijack()
	if err != nil {
		return err
	}
	defer client.Close()
	x.leaveTenant() // tunnels are no requests in flight
	x.response.status = http.StatusSwitchingProtocols
	x.cleanHandshake(res.Header)
	if err := writeHandshake(client, res.Header); err != nil {
		x.TunnelEnd = tunnel.EndClient
		return errTunnelled
	}
	x.measureExchange()
	if x.settings.OnOpen != nil {
		x.settings.OnOpen(res.Request.Context(), &x.Exchange)
	}
	// What came with the handshake is in the reader's buffer.
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	x.Received, x.response.sent, x.TunnelEnd = x.gateway.tunnels.Relay(tunnel.Tunnel{
		Tenant: x.tenant.ID, Request: x.request, Changes: x.changes,
		Client: client, Upstream: upstream, Early: bytes.Clone(early),
		Idle: x.settings.Timeouts.WebSocketIdle, Lifetime: x.settings.Timeouts.WebSocketLifetime,
		OnRelay: x.settings.OnRelay,
	})
	return errTunnelled
}

// cleanHandshake removes from the tenant's 101 what is not meant for the client. A
// handshake is not a CORS request, so it gets no CORS headers of ours.
func (x *exchange) cleanHandshake(header http.Header) {
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Content-Length"} {
		header.Del(name)
	}
	header["Connection"], header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	if x.response.cors != corsKept {
		fields.StripCORS(header)
		x.response.mergeVary(header)
	}
	x.spelling.Apply(header)
	http1.RespellWebSocket(header)
}

func writeHandshake(client net.Conn, header http.Header) error {
	var response bytes.Buffer
	response.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	header.Write(&response)
	response.WriteString("\r\n")
	client.SetWriteDeadline(time.Now().Add(handshakeTimeout))
	defer client.SetWriteDeadline(time.Time{})
	_, err := response.WriteTo(client)
	return err
}
