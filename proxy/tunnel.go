package proxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/origins"
	"originwarden/proxy/http1"
)

// Why a tunnel ended.
const (
	endClient   = "client"   // the client closed its connection
	endTenant   = "tenant"   // the tenant closed its connection
	endRevoked  = "revoked"  // its origin is not allowed any more
	endIdle     = "idle"     // nothing passed for Timeouts.WebSocketIdle
	endLifetime = "lifetime" // it was open for Timeouts.WebSocketLifetime
	endShutdown = "shutdown"
)

// TunnelEnds returns all values of Exchange.TunnelEnd but the empty one.
func TunnelEnds() []string {
	return []string{endClient, endTenant, endRevoked, endIdle, endLifetime, endShutdown}
}

const (
	closeGrace    = 5 * time.Second        // for one direction after the other has ended
	closePatience = 250 * time.Millisecond // for the peers to take a close frame
	tunnelBuffer  = 8 << 10                // bytes, for each direction
)

// Status codes of close frames (RFC 6455, section 7.4.1).
const (
	goingAway       = 1001
	policyViolation = 1008
)

// tunnel is a WebSocket after its handshake. It relays bytes and never
// validates frames.
type tunnel struct {
	tenant  *tenant
	request origins.Request // what was decided on, to be decided again
	changes uint64          // of lists before the decision
	client  net.Conn
	backend io.ReadWriteCloser

	toClient, toBackend direction

	opened time.Time
	moved  atomic.Int64 // when bytes passed last, in nanoseconds since opened
	cause  atomic.Pointer[string]
	halved sync.Once
	ended  sync.Once

	timing         sync.Mutex
	idle, lifetime *time.Timer
	released       bool
}

// tunnel joins the client's connection with the tenant's after a WebSocket
// handshake and returns when both have ended. Its error is errTunnelled once
// the client's connection is taken over; before that the tenant's answer can
// still be refused.
func (x *exchange) tunnel(res *http.Response) error {
	backend, ok := res.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
		return errWrongProto
	}
	client, buffered, err := x.answer.control.Hijack()
	if err != nil {
		return err
	}
	defer client.Close()
	x.leave() // tunnels are no requests in flight
	x.answer.status = http.StatusSwitchingProtocols
	x.dressHandshake(res)
	client.SetWriteDeadline(time.Now().Add(closeGrace)) // whoever shook hands reads the answer
	if err := writeHandshake(buffered.Writer, res.Header); err != nil {
		x.TunnelEnd = endClient
		return errTunnelled
	}
	client.SetWriteDeadline(time.Time{})
	// What came with the handshake is in the reader's buffer.
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	t := &tunnel{
		tenant: x.tenant, request: x.request, changes: x.changes, client: client, backend: backend, opened: time.Now(),
		toClient: direction{to: client}, toBackend: direction{to: backend, masked: true},
	}
	x.measure()
	x.settings.Opened(res.Request.Context(), &x.Exchange)
	x.Received, x.answer.sent = x.relay(t, bytes.Clone(early))
	x.TunnelEnd = *t.cause.Load()
	return errTunnelled
}

// dressHandshake leaves of the tenant's 101 what is meant for the client. A
// handshake is no CORS request, so it gets no CORS headers of ours.
func (x *exchange) dressHandshake(res *http.Response) {
	header := res.Header
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Content-Length"} {
		header.Del(name)
	}
	header["Connection"], header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	if x.answer.dress != untouched {
		stripCORS(header)
		x.answer.mergeVary(header)
	}
	x.spelling.Apply(header)
	http1.RespellWebSocket(header)
}

func writeHandshake(w interface {
	io.Writer
	Flush() error
}, header http.Header) error {
	io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\n")
	header.Write(w)
	io.WriteString(w, "\r\n")
	return w.Flush()
}

// relay copies both ways until both have ended, and returns how many bytes the
// client and the tenant sent.
func (t *tunnel) relay(early []byte, relayed func(tenant string, received, sent int)) (received, sent int64) {
	var toBackend sync.WaitGroup
	toBackend.Go(func() {
		received = t.copy(&t.toBackend, io.MultiReader(bytes.NewReader(early), t.client),
			func(n int) { relayed(t.tenant.ID, n, 0) })
		t.half(endClient, t.backend)
	})
	sent = t.copy(&t.toClient, t.backend, func(n int) { relayed(t.tenant.ID, 0, n) })
	t.half(endTenant, t.client)
	toBackend.Wait()
	return received, sent
}

func (t *tunnel) copy(to *direction, from io.Reader, relayed func(n int)) (copied int64) {
	buffer := make([]byte, tunnelBuffer)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			t.moved.Store(int64(time.Since(t.opened)))
			if _, err := to.Write(buffer[:n]); err != nil {
				return copied
			}
			copied += int64(n)
			relayed(n)
		}
		if err != nil {
			return copied
		}
	}
}

// half ends the direction to peer because its source has ended. The other one
// may go on for closeGrace.
func (t *tunnel) half(cause string, peer any) {
	t.cause.CompareAndSwap(nil, &cause)
	if half, ok := peer.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		t.closeBoth()
		return
	}
	t.halved.Do(func() { time.AfterFunc(closeGrace, t.closeBoth) })
}

// end closes the tunnel from our side: a close frame to both peers where one
// may stand, the end of both directions, and after closePatience the
// connections. It does not wait for the peers' close.
func (t *tunnel) end(code uint16, cause string) {
	t.ended.Do(func() {
		t.cause.CompareAndSwap(nil, &cause)
		time.AfterFunc(closePatience, t.closeBoth)
		t.client.SetWriteDeadline(time.Now().Add(closePatience))
		t.toClient.end(code, cause)
		t.toBackend.end(code, cause)
	})
}

func (t *tunnel) closeBoth() {
	t.client.Close()
	t.backend.Close()
}

// limit ends the tunnel when nothing has passed for idle, or when it has been
// open for lifetime; 0 is no limit. It has to be released.
func (t *tunnel) limit(idle, lifetime time.Duration) {
	t.timing.Lock()
	defer t.timing.Unlock()
	if idle > 0 {
		t.idle = time.AfterFunc(idle, func() { t.checkIdle(idle) })
	}
	if lifetime > 0 {
		t.lifetime = time.AfterFunc(lifetime, func() { t.end(goingAway, endLifetime) })
	}
}

func (t *tunnel) checkIdle(limit time.Duration) {
	t.timing.Lock()
	defer t.timing.Unlock()
	quiet := time.Since(t.opened) - time.Duration(t.moved.Load())
	if quiet < limit {
		if !t.released {
			t.idle.Reset(limit - quiet)
		}
		return
	}
	t.end(goingAway, endIdle)
}

// release stops the limits of a tunnel that has ended.
func (t *tunnel) release() {
	t.timing.Lock()
	defer t.timing.Unlock()
	t.released = true
	for _, timer := range []*time.Timer{t.idle, t.lifetime} {
		if timer != nil {
			timer.Stop()
		}
	}
}
