package demux

import (
	"net"
	"time"

	"google.golang.org/grpc/mem"

	"originwarden/proxy/downstream"
	"originwarden/proxy/socket"
)

// forCalls returns the connection for gRPC, which reads from the beginning. When gRPC serves
// it or closes it, begin is called.
func (b *beginning) forCalls(writeLimit time.Duration, begin func()) net.Conn {
	raw := rawOf(b.conn)
	if limited, ok := raw.(*downstream.Conn); ok {
		limited.LimitWrites(writeLimit)
	}
	conn := callConn{Conn: writer(b.conn), raw: raw, server: b.server, begin: begin}
	conn.replay = replay{b.sent, conn.Conn}
	if plain, ok := b.conn.(quietReader); ok {
		return &plainConn{callConn: conn, reader: plain}
	}
	return &sealedConn{callConn: conn}
}

// callConn is a connection that is read from the beginning.
type callConn struct {
	net.Conn
	replay
	raw    net.Conn // below TLS
	server *Server
	begin  func()
	errors httpErrors
}

// SetDeadline implements net.Conn. gRPC calls it first if it serves the connection, to
// limit the time for the preface.
func (c *callConn) SetDeadline(t time.Time) error {
	c.begin()
	return c.Conn.SetDeadline(t)
}

// Close implements net.Conn.
func (c *callConn) Close() error {
	c.begin()
	return c.Conn.Close()
}

func (c *callConn) Read(p []byte) (int, error) { return c.replay.Read(p) }

// Write implements net.Conn. gRPC learns by reading that it cannot write.
func (c *callConn) Write(p []byte) (int, error) {
	if c.errors.follow(p) {
		c.server.logf("a request from %v is no call of gRPC, and got an HTTP error, because a connection that begins with a call serves nothing else", c.raw.RemoteAddr())
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.raw.Close()
	}
	return n, err
}

// again returns what was read already, in a buffer of pool, or nil.
func (c *callConn) again(size int, pool mem.BufferPool) (*[]byte, int) {
	if len(c.unread) == 0 {
		return nil, 0
	}
	buffer := pool.Get(size)
	n, _ := c.replay.Read(*buffer)
	return buffer, n
}

// quietReader is that of downstream.Conn.
type quietReader interface {
	ReadInto(socket.Buffer) (int, error)
}

// plainConn is a callConn without TLS.
type plainConn struct {
	callConn
	reader quietReader
	pooled pooled
}

// ReadOnReady is for gRPC, which reads by it instead of Read. A connection has no buffer
// while there is nothing to read.
func (c *plainConn) ReadOnReady(size int, pool mem.BufferPool) (*[]byte, int, error) {
	if buffer, n := c.again(size, pool); n > 0 {
		return buffer, n, nil
	}
	c.pooled = pooled{pool: pool, size: size}
	n, err := c.reader.ReadInto(&c.pooled)
	return c.pooled.buffer, n, err
}

// pooled is a socket.Buffer of a pool.
type pooled struct {
	pool   mem.BufferPool
	size   int
	buffer *[]byte // nil: none
}

func (p *pooled) Take() []byte {
	if p.buffer == nil {
		p.buffer = p.pool.Get(p.size)
	}
	return *p.buffer
}

func (p *pooled) GiveBack() {
	p.pool.Put(p.buffer)
	p.buffer = nil
}

// sealedConn is a callConn with TLS.
type sealedConn struct {
	callConn
	first   [1]byte
	isBegun bool // a byte of a record was read by itself
}

// ReadOnReady is that of plainConn. It reads the first byte of a record by itself, for
// which it needs no buffer: TLS keeps the rest.
func (c *sealedConn) ReadOnReady(size int, pool mem.BufferPool) (*[]byte, int, error) {
	if buffer, n := c.again(size, pool); n > 0 {
		return buffer, n, nil
	}
	if c.isBegun {
		buffer := pool.Get(size)
		n, err := c.Conn.Read(*buffer)
		c.isBegun = false
		return buffer, n, err
	}
	if n, err := c.Conn.Read(c.first[:]); n == 0 {
		return nil, 0, err
	}
	buffer := pool.Get(size)
	c.isBegun = true
	return buffer, copy(*buffer, c.first[:]), nil
}
