package proxy

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// LimitConnections returns l with at most perClient connections at a time from
// one client address (of IPv6, from one /64), not counting those of trusted
// proxies, which are many clients. 0 is no limit. A connection too many is
// closed at once, after a short answer for those who speak HTTP without TLS
// (plain), and told to refused, which may be nil.
func LimitConnections(l net.Listener, perClient int, trusted []netip.Prefix, plain bool, refused func()) net.Listener {
	if perClient <= 0 {
		return l
	}
	if refused == nil {
		refused = func() {}
	}
	return &limitedListener{Listener: l, perClient: perClient, trusted: trusted, plain: plain, refused: refused, open: map[netip.Addr]int{}}
}

type limitedListener struct {
	net.Listener
	perClient int
	trusted   trustedProxies
	plain     bool
	refused   func()

	mu   sync.Mutex
	open map[netip.Addr]int // only clients that have any
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		client := parseAddr(conn.RemoteAddr().String())
		if !ok || !client.IsValid() || l.trusted.trust(client) {
			return conn, nil
		}
		if client = network(client); l.enter(client) {
			return &limitedConn{TCPConn: tcp, leave: sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		l.refuse(conn)
	}
}

// network is what counts as one client: one host of IPv6 has a /64 at least.
func network(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return addr
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.Addr()
}

func (l *limitedListener) enter(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client] >= l.perClient {
		return false
	}
	l.open[client]++
	return true
}

func (l *limitedListener) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}

// refuse never waits: the answer fits into any send buffer.
func (l *limitedListener) refuse(conn net.Conn) {
	l.refused()
	if l.plain {
		conn.SetWriteDeadline(time.Now().Add(time.Millisecond))
		io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\nToo many connections\n")
	}
	conn.Close()
}

// limitedConn is a TCP connection, with all that net/http knows to do with one,
// that gives its place to another when it is closed.
type limitedConn struct {
	*net.TCPConn
	leave func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.leave()
	return c.TCPConn.Close()
}
