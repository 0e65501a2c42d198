package demux_test

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"originwarden/proxy/decide"
	"originwarden/proxy/decide/demux"
)

// pipes is a listener of connections in memory, for tests that choose what comes first.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	// accepted is called when gRPC has accepted a connection, and before it looks whether
	// it is stopped: then it asks for the address. nil: nothing.
	accepted func()
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return p }

func (*pipes) Network() string { return "pipe" }

func (p *pipes) String() string {
	if accepted := p.accepted; accepted != nil {
		p.accepted = nil
		accepted()
	}
	return "pipe"
}

// bubble is a Server whose connections are in memory. It serves from the first one on.
type bubble struct {
	*demux.Server
	*pipes
	t     *testing.T
	once  sync.Once
	calls *grpc.Server // the newest
}

// inBubble runs a test of a Server with which time stands still while anything happens.
func inBubble(t *testing.T, test func(*testing.T, *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, pipes: newPipes()}
		newCalls := func() *grpc.Server {
			b.calls = grpc.NewServer()
			healthv1.RegisterHealthServer(b.calls, health.NewServer())
			return b.calls
		}
		b.Server = &demux.Server{HTTP: newHTTPServer(nil, newCalls()), NewGRPC: newCalls, IsCall: decide.IsCall, MaxHeader: 16 << 10}
		t.Cleanup(func() { b.Server.Close() })
		test(t, b)
	})
}

// connect opens a connection on which nothing was sent or read. It has no buffers: who
// writes waits until the peer reads.
func (b *bubble) connect() *client {
	b.once.Do(func() { go b.Serve(b.pipes) })
	conn, accepted := net.Pipe()
	b.t.Cleanup(func() { conn.Close() })
	b.conns <- accepted
	c := &client{Framer: http2.NewFramer(conn, conn), Conn: conn, t: b.t, holds: true}
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return c
}

// greet is that of deployment.
func (b *bubble) greet() *client {
	c := b.connect()
	c.Write([]byte(http2.ClientPreface))
	go c.WriteSettings()
	c.awaitSettings()
	synctest.Wait()
	return c
}

// ask sends a request and returns what is received.
func (c *client) ask(fields []string) string {
	var frames bytes.Buffer
	written := &client{Framer: http2.NewFramer(&frames, nil), last: c.last}
	written.send(fields)
	c.last = written.last
	go c.Write(frames.Bytes())
	return c.receive()
}
