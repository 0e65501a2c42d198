package forms

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"originwarden/envelope/clientaddr"
)

// maxWait is how long a form waits for a slot.
const maxWait = time.Second

// Slots bound how many long forms are in memory at once, together and of one client
// network. They may be used concurrently.
type Slots struct {
	used       chan struct{}
	perNetwork int

	mu        sync.Mutex
	byNetwork map[netip.Prefix]int // forms that have a slot or wait for one
}

// NewSlots returns that many slots, of which one network has at most perNetwork.
func NewSlots(total, perNetwork int) *Slots {
	return &Slots{used: make(chan struct{}, total), perNetwork: perNetwork, byNetwork: map[netip.Prefix]int{}}
}

// Acquire takes a slot for a form of a client. It reports false if the client's network
// has too many, or if none becomes free in about a second.
func (s *Slots) Acquire(ctx context.Context, client netip.Addr) (release func(), ok bool) {
	network := clientaddr.Network(client)
	if !s.count(network) {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case s.used <- struct{}{}:
		return func() { <-s.used; s.discount(network) }, true
	case <-ctx.Done():
		s.discount(network)
		return nil, false
	}
}

func (s *Slots) count(network netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byNetwork[network] >= s.perNetwork {
		return false
	}
	s.byNetwork[network]++
	return true
}

func (s *Slots) discount(network netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byNetwork[network]--; s.byNetwork[network] == 0 {
		delete(s.byNetwork, network)
	}
}
