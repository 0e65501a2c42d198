package http1

import (
	"io"
	"sync"
)

// Canceler ends an exchange that has no Context of its own. The zero Canceler is ready.
// It may be used concurrently, and by one exchange after the other.
type Canceler struct {
	mu       sync.Mutex
	current  io.Closer // nil: no exchange runs
	canceled bool
}

// Cancel ends the exchange that runs, and every one that begins before Reset, by closing
// its connection: Send, or the next read of the response's body, fails. An exchange that
// is waiting for its connection ends when it has one.
func (c *Canceler) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.canceled = true
	if c.current != nil {
		c.current.Close()
	}
}

// Reset lets exchanges begin again after Cancel.
func (c *Canceler) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.canceled = false
}

// set notes the connection of the exchange that runs; nil: none does.
func (c *Canceler) set(current io.Closer) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = current
	if c.canceled && current != nil {
		current.Close()
	}
}
