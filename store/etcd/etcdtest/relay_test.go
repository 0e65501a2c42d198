package etcdtest_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relay is a connection to a member that can be bad.
type relay struct {
	net.Listener
	target string
	slow   atomic.Int64 // how much longer answers take, in nanoseconds
	mute   atomic.Bool  // requests are lost, and answers
	lost   atomic.Int64 // how often a request was
	hold   sync.RWMutex // while it is locked, requests wait

	mu    sync.Mutex
	conns map[net.Conn]bool
	pipes sync.WaitGroup
}

// newRelay relays to an address until t ends.
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
		r.cut()
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

// pipe passes on what is sent. What comes while something waits waits no longer
// for that.
func (r *relay) pipe(to, from net.Conn, answers bool) {
	defer to.Close()
	defer from.Close()
	type chunk struct {
		due   time.Time
		bytes []byte
	}
	line := make(chan chunk, 1024)
	r.pipes.Go(func() {
		defer close(line)
		for {
			buffer := make([]byte, 64<<10)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			due := time.Now()
			if answers {
				due = due.Add(time.Duration(r.slow.Load()))
			}
			line <- chunk{due, buffer[:n]}
		}
	})
	for c := range line {
		time.Sleep(time.Until(c.due))
		if r.mute.Load() {
			if !answers {
				r.lost.Add(1)
			}
			continue
		}
		if !answers {
			r.hold.RLock()
		}
		if _, err := to.Write(c.bytes); err != nil {
			_ = from.Close()
		}
		if !answers {
			r.hold.RUnlock()
		}
	}
}

// cut ends all connections; new ones are relayed.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		_ = conn.Close()
		delete(r.conns, conn)
	}
}
