package downstream

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"originwarden/envelope/clientaddr"
)

// Listener limits how many connections a client address (of IPv6, a /64) has at a
// time, and closes those beyond the limit at once. Connections of trusted proxies,
// which are many clients, do not count. Connections that are not TCP are not limited.
// The accepted TCP connections are those that ConnContext knows.
type Listener struct {
	net.Listener
	plain   bool
	refused func()

	mu        sync.Mutex
	perClient int
	trusted   clientaddr.Proxies
	open      map[netip.Prefix]int // counted connections of each client that has any
}

// NewListener returns a Listener over l with at most perClient connections from one
// client; 0 is no limit. If plain, a rejected connection gets a short response in
// plain HTTP before it is closed. Each is reported to refused, which may be nil.
func NewListener(l net.Listener, perClient int, trusted []netip.Prefix, plain bool, refused func()) *Listener {
	if refused == nil {
		refused = func() {}
	}
	return &Listener{Listener: l, plain: plain, refused: refused, perClient: perClient, trusted: trusted, open: map[netip.Prefix]int{}}
}

// SetLimits changes the limits for new connections. Those that did not count
// when they were accepted do not count later.
func (l *Listener) SetLimits(perClient int, trusted []netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perClient, l.trusted = perClient, trusted
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		if leave, ok := l.enter(clientaddr.Parse(conn.RemoteAddr().String())); ok {
			return &Conn{TCPConn: tcp, leave: leave}, nil
		}
		l.refuse(conn)
	}
}

// enter reports whether the client may have one more connection, and returns what
// to call when it is closed, which is nil if it does not count.
func (l *Listener) enter(client netip.Addr) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perClient <= 0 || !client.IsValid() || l.trusted.Contains(client) {
		return nil, true
	}
	network := clientaddr.Network(client)
	if l.open[network] >= l.perClient {
		return nil, false
	}
	l.open[network]++
	return func() { l.leave(network) }, true
}

func (l *Listener) leave(network netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[network]--; l.open[network] == 0 {
		delete(l.open, network)
	}
}

// refuse does not block for long: the response normally fits into the send buffer, and
// the deadline limits the wait if it does not.
func (l *Listener) refuse(conn net.Conn) {
	l.refused()
	if l.plain {
		conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\nToo many connections\n")
	}
	conn.Close()
}
