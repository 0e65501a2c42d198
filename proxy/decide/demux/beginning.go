package demux

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

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
	// maxStreams is how many requests a client may have at a time: that of both servers.
	maxStreams = 250
)

var errTooMuch = errors.New("too much before the first request")

// beginning is what a client sends until its first request.
type beginning struct {
	conn   net.Conn
	server *Server
	sent   []byte // by the client, all of it
	used   int    // how much of it was looked at
	chosen bool   // HTTP/2, in the TLS handshake
	greets bool   // settings were sent, in the name of the server that is found
}

// read reads until the kind of the connection is known.
func (b *beginning) read() kind {
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
	if len(b.sent) >= maxBytes {
		return errTooMuch
	}
	b.sent = slices.Grow(b.sent, 1<<10)
	n, err := b.conn.Read(b.sent[len(b.sent):cap(b.sent)])
	if b.sent = b.sent[:len(b.sent)+n]; n > 0 {
		return nil
	}
	return err
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

// sendSettings sends settings before the server does: clients of gRPC wait for them before
// their first request.
func (b *beginning) sendSettings() error {
	var frame bytes.Buffer
	http2.NewFramer(&frame, nil).WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: maxStreams})
	b.greets = true
	b.conn.SetWriteDeadline(time.Now().Add(defaultHead))
	_, err := writer(b.conn).Write(frame.Bytes())
	return err
}

// writer returns what writes to a connection before it returns.
func writer(conn net.Conn) net.Conn {
	if joining, ok := conn.(*downstream.HTTP2Conn); ok {
		return joining.Conn
	}
	return conn
}

// readFrames reads until the first request. Until the server has sent its own settings,
// the table of HPACK has its initial size.
func (b *beginning) readFrames() kind {
	framer := http2.NewFramer(io.Discard, b)
	framer.SetMaxReadFrameSize(maxFrame)
	framer.SetReuseFrames()
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.MaxHeaderListSize = uint32(b.server.MaxHeader)
	for range maxFrames {
		switch frame, err := framer.ReadFrame(); head := frame.(type) {
		case nil:
			return b.kindAfter(err)
		case *http2.MetaHeadersFrame:
			return b.kindOf(head)
		}
	}
	return isHTTP
}

// kindOf returns the kind of a connection by its first request.
func (b *beginning) kindOf(head *http2.MetaHeadersFrame) kind {
	var contentType string
	for _, f := range head.RegularFields() {
		if f.Name == "content-type" {
			contentType = f.Value
			break
		}
	}
	if head.Truncated || !b.server.IsCall(head.PseudoValue("method"), head.PseudoValue("path"), contentType) {
		return isHTTP
	}
	return isCall
}
