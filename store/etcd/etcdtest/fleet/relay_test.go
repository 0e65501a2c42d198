//go:build linux

package fleet_test

import (
	"net"
	"sync"
	"testing"
)

// way is what a relay does with what comes.
type way int

const (
	pass   way = iota
	refuse     // connections are reset, and new ones refused
	hold       // connections are taken, and nothing passes until it may again
	deafen     // what is sent passes, and answers do not until they may again
)

// relay is on the way from a gateway to a member.
type relay struct {
	address, target string

	mu       sync.Mutex
	moved    *sync.Cond // how has changed, or a connection was reset
	how      way
	listener net.Listener
	conns    map[net.Conn]bool
	pipes    sync.WaitGroup
}

// newRelay relays from one address to another until t ends.
func newRelay(t testing.TB, address, target string) *relay {
	t.Helper()
	r := &relay{address: address, target: target, conns: map[net.Conn]bool{}}
	r.moved = sync.NewCond(&r.mu)
	if err := r.set(pass); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.set(refuse) // which takes no address
		r.pipes.Wait()
	})
	return r
}

// set changes what the relay does. What was held goes on its way when it passes
// again, as after a partition, unless the connection was reset.
func (r *relay) set(how way) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.moved.Broadcast()
	r.how = how
	if how == refuse {
		r.cut()
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

// cut is called with mu held.
func (r *relay) cut() {
	if r.listener != nil {
		_ = r.listener.Close()
		r.listener = nil
	}
	for conn := range r.conns {
		reset(conn)
	}
	clear(r.conns)
}

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
		if r.enters(client) {
			r.pipes.Go(func() { r.relay(client) })
		}
	}
}

// enters takes note of a connection, unless it has come too late.
func (r *relay) enters(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.how == refuse {
		reset(conn)
		return false
	}
	r.conns[conn] = true
	return true
}

func (r *relay) relay(client net.Conn) {
	if !r.passes(client, hold) {
		return
	}
	member, err := net.Dial("tcp", r.target)
	if err != nil || !r.enters(member) {
		r.leave(client)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.pipe(member, client, hold) })
	both.Go(func() { r.pipe(client, member, deafen) })
	both.Wait()
	r.leave(client)
	r.leave(member)
}

func (r *relay) leave(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reset(conn)
	delete(r.conns, conn)
}

// passes waits while the relay holds everything, or is in another way that holds
// what comes, and reports whether the connection is still there.
func (r *relay) passes(conn net.Conn, held way) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for (r.how == hold || r.how == held) && r.conns[conn] {
		r.moved.Wait()
	}
	return r.conns[conn]
}

func (r *relay) pipe(to, from net.Conn, held way) {
	defer to.Close()
	for buffer := make([]byte, 64<<10); ; {
		n, err := from.Read(buffer)
		if !r.passes(from, held) {
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
