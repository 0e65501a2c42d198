package demux

import (
	"bytes"
	"io"
	"net"

	"golang.org/x/net/http2"
)

// forHTTP returns the connection for net/http, which reads from the beginning.
func (b *beginning) forHTTP() net.Conn {
	switch {
	case len(b.sent) == 0:
		return b.conn
	case b.greets:
		return &httpConn{b.conn, &withoutAck{from: replay{b.sent, b.conn}, left: len(http2.ClientPreface)}}
	}
	return &httpConn{b.conn, &replay{b.sent, b.conn}}
}

// httpConn is a connection that is read from the beginning. net/http does not know it as
// one with TLS.
type httpConn struct {
	net.Conn
	from io.Reader
}

func (c *httpConn) Read(p []byte) (int, error) { return c.from.Read(p) }

// CloseWrite is for net/http, which ends a response to what it has not read.
func (c *httpConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn is for downstream.ConnContext.
func (c *httpConn) NetConn() net.Conn { return rawOf(c.Conn) }

// rawOf returns the connection below others.
func rawOf(conn net.Conn) net.Conn {
	if above, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return above.NetConn()
	}
	return conn
}

// replay reads what was read already, and then from a connection.
type replay struct {
	unread []byte
	conn   net.Conn
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.unread) == 0 {
		return r.conn.Read(p)
	}
	n := copy(p, r.unread)
	if r.unread = r.unread[n:]; len(r.unread) == 0 {
		r.unread = nil
	}
	return n, nil
}

// withoutAck reads frames but the first acknowledgement of settings, which net/http has
// not sent: it closes a connection with one too many.
type withoutAck struct {
	from replay
	left int    // of the bytes that are passed on unseen
	head []byte // of a frame, to be passed on before
	buf  [9]byte
	done bool
}

// Read implements io.Reader.
func (r *withoutAck) Read(p []byte) (int, error) {
	for len(r.head) == 0 && r.left == 0 && !r.done {
		if err := r.readHead(); err != nil {
			return 0, err
		}
	}
	switch {
	case len(r.head) > 0:
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	case r.done:
		return r.from.Read(p)
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// readHead reads the header of a frame.
func (r *withoutAck) readHead() error {
	if _, err := io.ReadFull(&r.from, r.buf[:]); err != nil {
		return err
	}
	head, err := http2.ReadFrameHeader(bytes.NewReader(r.buf[:]))
	if err != nil {
		return err
	}
	if head.Type == http2.FrameSettings && head.Flags.Has(http2.FlagSettingsAck) && head.Length == 0 {
		r.done = true
		return nil
	}
	r.head, r.left = r.buf[:], int(head.Length)
	return nil
}
