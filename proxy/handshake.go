package proxy

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"log"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"originwarden/proxy/cors"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fields"
	"originwarden/proxy/tunnel"
)

var (
	errTunnelled  = errors.New("the exchange became a tunnel")
	errUnasked    = errors.New("the tenant switched protocols without being asked")
	errWrongProto = errors.New("the tenant switched to another protocol")
)

// openTunnel takes the client's connection over after a WebSocket handshake. Its error
// is errTunnelled then, and relayTunnel is to follow; before that the tenant's response
// can still be refused.
func (x *referenceExchange) openTunnel(res *http.Response) error {
	upstream, ok := res.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
		return errWrongProto
	}
	client, buffered, err := x.response.control.Hijack()
	if err != nil {
		return err
	}
	defer func() { // also in a panic, after which net/http closes no connection that it has given away
		if x.tunnel == nil {
			client.Close()
		}
	}()
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
	x.tunnel = &tunnel.Tunnel{
		Tenant: x.tenant.ID, Request: x.decided, Changes: x.changes,
		Client: client, Upstream: upstream, Early: bytes.Clone(early),
		Idle: x.settings.Timeouts.WebSocketIdle, Lifetime: x.settings.Timeouts.WebSocketLifetime,
		OnRelay: x.settings.OnRelay,
	}
	res.Body = http.NoBody // httputil would close the tenant's connection
	return errTunnelled
}

// relayTunnel joins the client's connection with the tenant's until both have ended, and
// reports the exchange. It keeps nothing of the request and of net/http, whose goroutine
// and buffers an idle tunnel does not need.
func (x *referenceExchange) relayTunnel() {
	gateway, settings, conn, t := x.gateway, x.settings, x.conn, x.tunnel
	ended, sentAt := x.Exchange, x.sentAt
	go func() {
		defer gateway.running.Add(-1)
		defer containPanic(settings.ErrorLog, ended.Client)
		defer t.Upstream.Close()
		defer t.Client.Close()
		received, sent, end := gateway.tunnels.Relay(t)
		ended.Received, ended.TunnelEnd = received, end
		reportTunnel(&exchange{Exchange: ended, settings: settings, sentAt: sentAt, status: http.StatusSwitchingProtocols, sent: sent}, conn)
	}()
}

// containPanic logs a panic of a tunnel, as net/http does that of a handler, and ends it.
func containPanic(errorLog *log.Logger, client netip.Addr) {
	if cause := recover(); cause != nil {
		cmp.Or(errorLog, log.Default()).Printf("panic serving %v: %v\n%s", client, cause, debug.Stack())
	}
}

// reportTunnel reports an exchange that became a tunnel.
func reportTunnel(x *exchange, conn *downstream.Conn) {
	x.measure()
	x.setLimitOfCut(false, conn.IsAborted())
	x.observe()
}

// cleanHandshake removes from the tenant's 101 what is not meant for the client. A
// handshake is not a CORS request, so it gets no CORS headers of ours.
func (x *referenceExchange) cleanHandshake(header http.Header) {
	tunnel.CleanHandshake(header)
	if x.cors != cors.Kept {
		fields.StripCORS(header)
		header["Vary"] = cors.Vary(header["Vary"]).Values
	}
	x.spelling.Apply(header)
	fields.RespellWebSocket(header)
}
