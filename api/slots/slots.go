// Package slots bounds how many requests hold web integrations in memory at once.
package slots

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"originwarden/api/auth"
)

const (
	// tenantSlots and totalSlots bound how many requests of one tenant, and of
	// all, hold web integrations in memory at once, a megabyte or two each.
	tenantSlots = 4
	totalSlots  = 16
	// maxSlotWait is how long a request waits for a slot.
	maxSlotWait = 5 * time.Second
	// maxClientWait is how long a client may take for a piece of a body while
	// another request waits for its slot.
	maxClientWait = 2 * time.Second
	// checkInterval is how often a waiting request checks that.
	checkInterval = maxClientWait / 4
)

// ErrNone is the error of a request for which no slot has become free in time.
var ErrNone = errors.New("too many requests hold memory")

// Slots bounds the requests under way that need memory. A request holds a slot
// until its response is sent. While others wait, a client that does not send or read
// in time loses its slot. It may be used concurrently, and its zero value is ready.
type Slots struct {
	mu      sync.Mutex
	held    []*Slot
	waiting []*Slot // in the order of arrival
}

// Slot belongs to one request. The nil Slot holds nothing.
type Slot struct {
	slots    *Slots
	key      auth.CallerKey
	acquired chan struct{} // closed when it is held

	// Guarded by slots.mu.
	deadline  time.Time // of the wait for the client; zero while there is none
	interrupt func()    // ends that wait
	lost      bool      // the wait was interrupted
}

// Acquire returns a slot, or ErrNone if none becomes free in time.
func (s *Slots) Acquire(ctx context.Context, key auth.CallerKey) (*Slot, error) {
	mine := &Slot{slots: s, key: key, acquired: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, mine)
	s.assignFree()
	s.mu.Unlock()
	if err := mine.waitAcquired(ctx); err != nil {
		mine.Release()
		return nil, err
	}
	return mine, nil
}

func (s *Slot) waitAcquired(ctx context.Context) error {
	timeout, tick := time.After(maxSlotWait), time.Tick(checkInterval)
	for {
		select {
		case <-s.acquired:
			return nil
		case <-tick:
			s.slots.interruptSlow(s.key.Tenant)
		case <-timeout:
			return ErrNone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Release gives the slot to another request. Only the first call has an effect.
func (s *Slot) Release() {
	if s == nil {
		return
	}
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	isMine := func(other *Slot) bool { return other == s }
	s.slots.held = slices.DeleteFunc(s.slots.held, isMine)
	s.slots.waiting = slices.DeleteFunc(s.slots.waiting, isMine)
	s.slots.assignFree()
}

// assignFree assigns the free slots to waiting requests.
func (s *Slots) assignFree() {
	for i := s.nextWaiting(); i >= 0; i = s.nextWaiting() {
		next := s.waiting[i]
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.held = append(s.held, next)
		close(next.acquired)
	}
}

// nextWaiting returns the index of the request that gets a slot next: one whose
// caller holds the fewest, so that many requests of one caller do not delay
// others. It returns -1 if there is none, or no free slot for any.
func (s *Slots) nextWaiting() int {
	next, fewest := -1, totalSlots
	for i, w := range s.waiting {
		ofTenant := s.countHeld(func(h *Slot) bool { return h.key.Tenant == w.key.Tenant })
		ofCaller := s.countHeld(func(h *Slot) bool { return h.key == w.key })
		if len(s.held) < totalSlots && ofTenant < tenantSlots && ofCaller < fewest {
			next, fewest = i, ofCaller
		}
	}
	return next
}

func (s *Slots) countHeld(counts func(*Slot) bool) (n int) {
	for _, h := range s.held {
		if counts(h) {
			n++
		}
	}
	return n
}

// interruptSlow ends the waits for clients that are too slow and keep the tenant
// from a slot. A wait that has not ended by the next check is interrupted again:
// the connection may have made progress just then.
func (s *Slots) interruptSlow(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, h := range s.held {
		blocks := h.key.Tenant == tenant || len(s.held) == totalSlots
		if blocks && !h.deadline.IsZero() && !now.Before(h.deadline) {
			h.lost, h.deadline = true, now.Add(checkInterval)
			h.interrupt()
		}
	}
}

// BeginWait begins a wait for the client, which interrupt can end.
func (s *Slot) BeginWait(interrupt func()) {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	s.deadline, s.interrupt = time.Now().Add(maxClientWait), interrupt
}

// EndWait ends a wait for the client, and reports whether the slot was lost.
func (s *Slot) EndWait() (lost bool) {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	s.deadline = time.Time{}
	return s.lost
}
