//go:build linux

package fleet_test

import (
	"net"
	"sync"
	"testing"
)

// relayMode is how a relay treats connections and data.
type relayMode int

const (
	forward       relayMode = iota
	refuseAll               // reset connections and refuse new ones
	holdAll                 // accept connections and hold all data
	holdResponses           // forward requests and hold responses
)

// relay forwards connections from a gateway to a member.
type relay struct {
	address, target string

	mu       sync.Mutex
	changed  *sync.Cond // mode was changed, or a connection was reset
	mode     relayMode
	listener net.Listener
	conns    map[net.Conn]bool
	pipes    sync.WaitGroup
}

// newRelay starts a relay from one address to another, which is closed when t ends.
func newRelay(t testing.TB, address, target string) *relay {
	t.Helper()
	r := &relay{address: address, target: target, conns: map[net.Conn]bool{}}
	r.changed = sync.NewCond(&r.mu)
	if err := r.set(forward); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.set(refuseAll) // closes the listener
		r.pipes.Wait()
	})
	return r
}

// set changes the mode. Data that was held is forwarded later, as after a network
// partition, unless the connection was reset.
func (r *relay) set(mode relayMode) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.changed.Broadcast()
	r.mode = mode
	if mode == refuseAll {
		r.closeAll()
		return nil
	}
	if r.listener == nil {
		if r.listener, err = net.Listen("tcp", r.address); err == nil {
			l := r.listener
			r.pipes.Go(func() { r.serve(l) })
		}
	}
	return err
}

// closeAll closes the listener and resets all connections. mu must be held.
func (r *relay) closeAll() {
	if r.listener != nil {
		_ = r.listener.Close()
		r.listener = nil
	}
	for conn := range r.conns {
		reset(conn)
	}
	clear(r.conns)
}

// reset closes a connection with a RST.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func (r *relay) serve(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		if r.addConn(client) {
			r.pipes.Go(func() { r.relay(client) })
		}
	}
}

// addConn adds a connection, or resets it and returns false if the relay refuses
// connections now.
func (r *relay) addConn(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mode == refuseAll {
		reset(conn)
		return false
	}
	r.conns[conn] = true
	return true
}

func (r *relay) relay(client net.Conn) {
	if !r.wait(client, holdAll) {
		return
	}
	member, err := net.Dial("tcp", r.target)
	if err != nil || !r.addConn(member) {
		r.removeConn(client)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.pipe(member, client, holdAll) })
	both.Go(func() { r.pipe(client, member, holdResponses) })
	both.Wait()
	r.removeConn(client)
	r.removeConn(member)
}

// removeConn resets and removes a connection.
func (r *relay) removeConn(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reset(conn)
	delete(r.conns, conn)
}

// wait waits while the mode is holdAll or blocking, and reports whether the connection is
// still open.
func (r *relay) wait(conn net.Conn, blocking relayMode) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for (r.mode == holdAll || r.mode == blocking) && r.conns[conn] {
		r.changed.Wait()
	}
	return r.conns[conn]
}

func (r *relay) pipe(to, from net.Conn, blocking relayMode) {
	defer to.Close()
	for buffer := make([]byte, 64<<10); ; {
		n, err := from.Read(buffer)
		if !r.wait(from, blocking) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
