package demux

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"slices"

	"golang.org/x/net/http2"

	"originwarden/proxy/downstream"
)

// kind is what a connection is served as.
type kind uint8

const (
	isOver kind = iota // it has ended, or nothing came in time
	isHTTP
	isCall
)

// Limits of what is read of a connection to know its kind. What exceeds them is for
// net/http, which has limits of its own.
const (
	maxBytes  = 64 << 10
	maxFrames = 100
	maxFrame  = 16 << 10
	// maxPings is for a client that asks each second whether an idle connection is alive.
	maxPings = 1000
	// maxHeld connections at a time may hold more than fewBytes, beside the frame that they
	// send. The others hold no more than one that net/http serves.
	maxHeld  = 256
	fewBytes = 4 << 10
)

var errTooMuch = errors.New("too much before the first request")

// beginning is what a client sends until its first request.
type beginning struct {
	conn   net.Conn
	server *Server
	sent   []byte // by the client, but for answered pings
	used   int    // how much of it was looked at
	slot   bool   // it has one of the server's slots
	chosen bool   // HTTP/2, in the TLS handshake
	greets bool   // settings were sent, in the name of the server that is found
}

// read reads until the kind of the connection is known.
func (b *beginning) read() kind {
	defer b.release()
	switch state, isTLS := stateOf(b.conn); {
	case !isTLS:
		_, b.chosen = b.conn.(*downstream.HTTP2Conn)
	case !permitsHTTP2(&state):
		return isHTTP
	default:
		b.chosen = true
	}
	b.server.limitHead(b.conn)
	if k, isHTTP2 := b.readPreface(); !isHTTP2 {
		return k
	}
	if b.sendSettings() != nil {
		return isOver
	}
	b.server.limitIdle(b.conn)
	return b.readFrames()
}

// stateOf returns the state of a connection that net/http knows as one with TLS.
func stateOf(conn net.Conn) (state tls.ConnectionState, isTLS bool) {
	c, isTLS := conn.(interface{ ConnectionState() tls.ConnectionState })
	if isTLS {
		state = c.ConnectionState()
	}
	return state, isTLS
}

// permitsHTTP2 reports whether a TLS handshake has chosen HTTP/2, with a cipher suite that
// this may use (RFC 9113, section 9.2.2). If not, net/http knows what to say.
func permitsHTTP2(state *tls.ConnectionState) bool {
	return state.HandshakeComplete && state.NegotiatedProtocol == "h2" && slices.Contains([]uint16{
		tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	}, state.CipherSuite)
}

// readPreface reports whether the client begins with the preface of HTTP/2, and otherwise
// the kind of the connection. A client that has chosen HTTP/2 and does not is not served.
func (b *beginning) readPreface() (k kind, isHTTP2 bool) {
	for len(b.sent) < len(http2.ClientPreface) {
		if err := b.readMore(); err != nil {
			return b.kindAfter(err), false
		}
		if begin := min(len(b.sent), len(http2.ClientPreface)); string(b.sent[:begin]) != http2.ClientPreface[:begin] {
			return b.notHTTP2(), false
		}
	}
	b.used = len(http2.ClientPreface)
	return isOver, true
}

func (b *beginning) notHTTP2() kind {
	if b.chosen {
		return isOver
	}
	return isHTTP
}

// kindAfter returns the kind of a connection of which no more could be read. net/http
// knows what to say about half a head.
func (b *beginning) kindAfter(err error) kind {
	if len(b.sent) == 0 || errors.Is(err, os.ErrDeadlineExceeded) || b.chosen && !b.greets {
		return isOver
	}
	return isHTTP
}

// readMore reads what the client has sent. An error comes with no bytes.
func (b *beginning) readMore() error {
	if len(b.sent) >= maxBytes || len(b.sent) >= fewBytes && !b.takeSlot() {
		return errTooMuch
	}
	b.sent = slices.Grow(b.sent, 1<<10)
	n, err := b.conn.Read(b.sent[len(b.sent):cap(b.sent)])
	if b.sent = b.sent[:len(b.sent)+n]; n > 0 {
		return nil
	}
	return err
}

// takeSlot takes one of the server's slots, unless the connection has one. It returns
// false if there is none.
func (b *beginning) takeSlot() bool {
	b.slot = b.slot || b.server.held.take()
	return b.slot
}

// release gives the slot back.
func (b *beginning) release() {
	if b.slot {
		b.server.held.giveBack()
	}
}

// Read implements io.Reader: it reads what was not looked at.
func (b *beginning) Read(p []byte) (int, error) {
	if b.used == len(b.sent) {
		if err := b.readMore(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.sent[b.used:])
	b.used += n
	return n, nil
}
