package tunnel

import (
	"cmp"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/origins"
)

// Why a tunnel ended.
const (
	EndClient   = "client"   // the client closed its connection
	endTenant   = "tenant"   // the tenant closed its connection
	endRevoked  = "revoked"  // its origin is no longer allowed
	endIdle     = "idle"     // nothing passed for Tunnel.Idle
	endLifetime = "lifetime" // it was open for Tunnel.Lifetime
	endShutdown = "shutdown"
)

// Ends returns all reasons for the end of a tunnel.
func Ends() []string {
	return []string{EndClient, endTenant, endRevoked, endIdle, endLifetime, endShutdown}
}

const (
	closeGrace        = 5 * time.Second        // for one direction after the other has ended
	closeFrameTimeout = 250 * time.Millisecond // for the peers to receive a close frame
)

// Status codes of close frames (RFC 6455, section 7.4.1).
const (
	goingAway       = 1001
	policyViolation = 1008
)

// Tunnel is a WebSocket after its handshake.
type Tunnel struct {
	Tenant  string          // its id
	Request origins.Request // the handshake, to be decided on again
	Changes uint64          // what Set.Changes returned before the decision

	Client   net.Conn
	Upstream io.ReadWriteCloser
	Early    []byte // what the client sent with the handshake

	Idle     time.Duration // the longest time without a byte; 0 is no limit
	Lifetime time.Duration // the longest time in all; 0 is no limit

	// OnRelay is called for bytes that were passed on, with how many came from the
	// client and from the tenant. It must not block; it may be nil.
	OnRelay func(tenant string, received, sent int)
}

// relay is an open Tunnel.
type relay struct {
	*Tunnel
	toClient, toUpstream direction

	opened       time.Time
	lastActivity atomic.Int64 // when bytes passed last, in nanoseconds since opened
	cause        atomic.Pointer[string]
	halfClosed   sync.Once
	ended        sync.Once

	timing         sync.Mutex
	idle, lifetime *time.Timer
	timersStopped  bool
}

func newRelay(t *Tunnel) *relay {
	if t.OnRelay == nil {
		t.OnRelay = func(string, int, int) {}
	}
	return &relay{Tunnel: t, opened: time.Now(), toClient: direction{to: t.Client}, toUpstream: direction{to: t.Upstream, masked: true}}
}

// run copies both ways until both have ended, and returns how many bytes the
// client and the tenant sent.
func (r *relay) run() (received, sent int64) {
	var toUpstream sync.WaitGroup
	toUpstream.Go(func() {
		received = r.copy(&r.toUpstream, r.Client, r.Early, func(n int) { r.OnRelay(r.Tenant, n, 0) })
		r.closeWrite(EndClient, r.Upstream)
	})
	sent = r.copy(&r.toClient, r.Upstream, nil, func(n int) { r.OnRelay(r.Tenant, 0, n) })
	r.closeWrite(endTenant, r.Client)
	toUpstream.Wait()
	return received, sent
}

// copy passes on early, and then what comes from a peer.
func (r *relay) copy(to *direction, from io.Reader, early []byte, count func(n int)) (copied int64) {
	pass := func(b []byte) error {
		if len(b) == 0 {
			return nil
		}
		r.lastActivity.Store(int64(time.Since(r.opened)))
		if _, err := to.Write(b); err != nil {
			return err
		}
		copied += int64(len(b))
		count(len(b))
		return nil
	}
	err := pass(early)
	for buffer := new(buffer); err == nil; buffer.GiveBack() {
		piece, readErr := buffer.readFrom(from)
		err = cmp.Or(pass(piece), readErr)
	}
	return copied
}

// closeWrite ends the direction to peer because its source has ended. The other
// direction may continue for closeGrace.
func (r *relay) closeWrite(cause string, peer any) {
	r.cause.CompareAndSwap(nil, &cause)
	if half, ok := peer.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		r.closeBoth()
		return
	}
	r.halfClosed.Do(func() { time.AfterFunc(closeGrace, r.closeBoth) })
}

// end closes the tunnel from our side: it sends a close frame to both peers where a
// frame boundary permits one, ends both directions, and after closeFrameTimeout closes
// the connections. It does not wait for the peers' close frames.
func (r *relay) end(code uint16, cause string) {
	r.ended.Do(func() {
		r.cause.CompareAndSwap(nil, &cause)
		time.AfterFunc(closeFrameTimeout, r.closeBoth)
		r.Client.SetWriteDeadline(time.Now().Add(closeFrameTimeout))
		r.toClient.end(code, cause)
		r.toUpstream.end(code, cause)
	})
}

func (r *relay) closeBoth() {
	r.Client.Close()
	r.Upstream.Close()
}

// startTimers starts the timers of the tunnel's limits. They have to be stopped.
func (r *relay) startTimers() {
	r.timing.Lock()
	defer r.timing.Unlock()
	if r.Idle > 0 {
		r.idle = time.AfterFunc(r.Idle, r.checkIdle)
	}
	if r.Lifetime > 0 {
		r.lifetime = time.AfterFunc(r.Lifetime, func() { r.end(goingAway, endLifetime) })
	}
}

func (r *relay) checkIdle() {
	r.timing.Lock()
	defer r.timing.Unlock()
	quiet := time.Since(r.opened) - time.Duration(r.lastActivity.Load())
	if quiet < r.Idle {
		if !r.timersStopped {
			r.idle.Reset(r.Idle - quiet)
		}
		return
	}
	r.end(goingAway, endIdle)
}

func (r *relay) stopTimers() {
	r.timing.Lock()
	defer r.timing.Unlock()
	r.timersStopped = true
	for _, timer := range []*time.Timer{r.idle, r.lifetime} {
		if timer != nil {
			timer.Stop()
		}
	}
}
