package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"originwarden/proxy/fields"
	"originwarden/proxy/tunnel"
)

var (
	errTunnelled  = errors.New("the exchange became a tunnel")
	errUnasked    = errors.New("the tenant switched protocols without being asked")
	errWrongProto = errors.New("the tenant switched to another protocol")
)

// openTunnel joins the client's connection with the tenant's after a WebSocket
// handshake and returns when both have ended. Its error is errTunnelled once
// the client's connection is taken over; before that the tenant's response can
// still be refused.
func (x *referenceExchange) openTunnel(res *http.Response) error {
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
	x.status = http.StatusSwitchingProtocols
	x.cleanHandshake(res.Header)
	if err := tunnel.WriteHandshake(client, res.Header); err != nil {
		x.TunnelEnd = tunnel.EndClient
		return errTunnelled
	}
	x.measure()
	if x.settings.OnOpen != nil {
		x.settings.OnOpen(&x.Exchange)
	}
	// What came with the handshake is in the reader's buffer.
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	x.Received, x.sent, x.TunnelEnd = x.gateway.tunnels.Relay(tunnel.Tunnel{
		Tenant: x.tenant.ID, Request: x.decided, Changes: x.changes,
		Client: client, Upstream: upstream, Early: bytes.Clone(early),
		Idle: x.settings.Timeouts.WebSocketIdle, Lifetime: x.settings.Timeouts.WebSocketLifetime,
		OnRelay: x.settings.OnRelay,
	})
	return errTunnelled
}

// cleanHandshake removes from the tenant's 101 what is not meant for the client. A
// handshake is not a CORS request, so it gets no CORS headers of ours.
func (x *referenceExchange) cleanHandshake(header http.Header) {
	tunnel.CleanHandshake(header)
	if x.cors != corsKept {
		fields.StripCORS(header)
		header["Vary"] = x.varyField(header["Vary"]).values
	}
	x.spelling.Apply(header)
	fields.RespellWebSocket(header)
}
