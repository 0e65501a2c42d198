package http1

import (
	"sync"
	"time"
)

const (
	maxIdle    = 256 // connections of one upstream
	sweepEvery = time.Second
	// minFresh is how long after its last response a connection may carry a request
	// that is not repeatable, unless the server has announced its own limit
	// (Keep-Alive). Servers keep idle connections at least this long, so that none is
	// closed while a request is on its way.
	minFresh = 50 * time.Millisecond
)

// idleConns are the connections of an upstream that no request uses. The last one
// used is taken first.
type idleConns struct {
	timeout time.Duration // 0: none

	mu      sync.Mutex
	conns   []*conn // in the order of their last use
	retired bool    // connections that come back are closed
	sweeper *time.Timer
}

// take returns a connection that was alive just now, or nil. If the last one used
// is too old for a request that is not repeatable, so are the others: a new one
// takes its place.
func (i *idleConns) take(repeatable bool) *conn {
	for c := i.pop(); c != nil; c = i.pop() {
		age := time.Since(c.idleSince)
		tooOld := !repeatable && age >= c.freshFor()
		if !tooOld && !i.isExpired(age) && c.isAlive() {
			return c
		}
		if c.Close(); tooOld {
			return nil
		}
	}
	return nil
}

// freshFor returns how long after its last response the connection may carry a
// request that is not repeatable.
func (c *conn) freshFor() time.Duration { return max(minFresh, c.announced/2) }

func (i *idleConns) isExpired(age time.Duration) bool { return i.timeout > 0 && age >= i.timeout }

func (i *idleConns) pop() *conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	last := len(i.conns) - 1
	if last < 0 {
		return nil
	}
	c := i.conns[last]
	i.conns[last] = nil
	i.conns = i.conns[:last]
	return c
}

// put keeps c, or closes it.
func (i *idleConns) put(c *conn) {
	c.idleSince = time.Now()
	if !i.keep(c) {
		c.Close()
	}
}

func (i *idleConns) keep(c *conn) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.retired || len(i.conns) >= maxIdle {
		return false
	}
	i.conns = append(i.conns, c)
	if len(i.conns) == 1 {
		i.sweepLater()
	}
	return true
}

// sweepLater is called with mu held.
func (i *idleConns) sweepLater() {
	if i.sweeper == nil {
		i.sweeper = time.AfterFunc(sweepEvery, i.sweep)
		return
	}
	i.sweeper.Reset(sweepEvery)
}

// sweep closes the connections that were kept for long enough, and those that
// the server has closed.
func (i *idleConns) sweep() {
	for _, c := range i.takeExpired() {
		c.Close()
	}
}

func (i *idleConns) takeExpired() (gone []*conn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	kept := i.conns[:0]
	for _, c := range i.conns {
		if i.isExpired(time.Since(c.idleSince)) || !c.isAlive() {
			gone = append(gone, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(i.conns[len(kept):])
	if i.conns = kept; len(kept) > 0 {
		i.sweepLater()
	}
	return gone
}

func (i *idleConns) isRetired() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.retired
}

func (i *idleConns) closeAll(retire bool) {
	i.mu.Lock()
	all := i.conns
	i.conns, i.retired = nil, i.retired || retire
	i.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}
