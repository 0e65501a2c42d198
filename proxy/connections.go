package proxy

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"originwarden/clientaddr"
)

// LimitConnections returns l with at most perClient connections at a time from
// one client address (of IPv6, from one /64), not counting those of trusted
// proxies, which are many clients. 0 is no limit. A connection too many is
// closed at once, after a short answer for those who speak HTTP without TLS
// (plain), and told to refused, which may be nil. The connections are what
// ConnContext knows.
func LimitConnections(l net.Listener, perClient int, trusted []netip.Prefix, plain bool, refused func()) *LimitedListener {
	if refused == nil {
		refused = func() {}
	}
	limited := &LimitedListener{Listener: l, plain: plain, refused: refused, open: map[netip.Prefix]int{}}
	limited.Change(perClient, trusted)
	return limited
}

// LimitedListener is a listener of LimitConnections.
type LimitedListener struct {
	net.Listener
	plain   bool
	refused func()

	mu        sync.Mutex
	perClient int
	trusted   clientaddr.Proxies
	open      map[netip.Prefix]int // only clients that have any that count
}

// Change sets other limits for the connections to come. Those that were not
// counted when they came are not counted later.
func (l *LimitedListener) Change(perClient int, trusted []netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perClient, l.trusted = perClient, trusted
}

// Accept implements net.Listener.
func (l *LimitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		client := clientaddr.Parse(conn.RemoteAddr().String())
		counts, enters := l.enter(client)
		switch {
		case !counts:
			return &clientConn{TCPConn: tcp}, nil
		case enters:
			return &clientConn{TCPConn: tcp, leave: func() { l.leave(client) }}, nil
		}
		l.refuse(conn)
	}
}

// enter reports whether the client's connections count, and whether one more
// may be open.
func (l *LimitedListener) enter(client netip.Addr) (counts, enters bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perClient <= 0 || !client.IsValid() || l.trusted.Contains(client) {
		return false, true
	}
	network := clientaddr.Network(client)
	if l.open[network] >= l.perClient {
		return true, false
	}
	l.open[network]++
	return true, true
}

func (l *LimitedListener) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	network := clientaddr.Network(client)
	if l.open[network]--; l.open[network] == 0 {
		delete(l.open, network)
	}
}

// refuse does not wait: the answer fits into any send buffer. The deadline is for
// whatever may be otherwise, and long enough to be scheduled in.
func (l *LimitedListener) refuse(conn net.Conn) {
	l.refused()
	if l.plain {
		conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\nToo many connections\n")
	}
	conn.Close()
}
