package etcdtest_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relay forwards connections to a member, and can disturb them.
type relay struct {
	net.Listener
	target string
	delay  atomic.Int64 // of responses, in nanoseconds
	drop   atomic.Bool  // drop requests and responses
	lost   atomic.Int64 // number of dropped requests
	hold   sync.RWMutex // requests wait while it is locked

	mu    sync.Mutex
	conns map[net.Conn]bool
	pipes sync.WaitGroup
}

// newRelay starts a relay to the address target, which is closed when t ends.
func newRelay(t testing.TB, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, target: target, conns: map[net.Conn]bool{}}
	r.pipes.Go(r.serve)
	t.Cleanup(func() {
		_ = l.Close()
		r.disconnect()
		r.pipes.Wait()
	})
	return r
}

func (r *relay) serve() {
	for {
		client, err := r.Accept()
		if err != nil {
			return
		}
		member, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.mu.Lock()
		r.conns[client], r.conns[member] = true, true
		r.mu.Unlock()
		r.pipes.Go(func() { r.pipe(member, client, false) })
		r.pipes.Go(func() { r.pipe(client, member, true) })
	}
}

// pipe forwards data. The delay applies to each chunk from its arrival, so delays of
// consecutive chunks do not add up.
func (r *relay) pipe(to, from net.Conn, responses bool) {
	defer to.Close()
	defer from.Close()
	type chunk struct {
		due   time.Time
		bytes []byte
	}
	queue := make(chan chunk, 1024)
	r.pipes.Go(func() {
		defer close(queue)
		for {
			buffer := make([]byte, 64<<10)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			due := time.Now()
			if responses {
				due = due.Add(time.Duration(r.delay.Load()))
			}
			queue <- chunk{due, buffer[:n]}
		}
	})
	for c := range queue {
		time.Sleep(time.Until(c.due))
		if r.drop.Load() {
			if !responses {
				r.lost.Add(1)
			}
			continue
		}
		if !responses {
			r.hold.RLock()
		}
		if _, err := to.Write(c.bytes); err != nil {
			_ = from.Close()
		}
		if !responses {
			r.hold.RUnlock()
		}
	}
}

// disconnect closes all connections. New ones are relayed.
func (r *relay) disconnect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		_ = conn.Close()
		delete(r.conns, conn)
	}
}
