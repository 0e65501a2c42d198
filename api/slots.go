package api

import (
	"context"
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

// tooManyInFlight is the error of a request that gets or keeps no slot.
func tooManyInFlight() error { return &auth.RateLimitError{Limit: LimitInFlight, Wait: time.Second} }

// slots bounds the requests under way that need memory. A request holds a slot
// until its response is sent. While others wait, a client that does not send or read
// in time loses its slot. It may be used concurrently, and its zero value is ready.
type slots struct {
	mu      sync.Mutex
	held    []*slot
	waiting []*slot // in the order of arrival
}

// slot belongs to one request. The nil slot holds nothing.
type slot struct {
	slots    *slots
	key      auth.CallerKey
	acquired chan struct{} // closed when it is held

	// Guarded by slots.mu.
	deadline  time.Time // of the wait for the client; zero while there is none
	interrupt func()    // ends that wait
	lost      bool      // the wait was interrupted
}

// acquire returns a slot, or an error if none becomes free in time.
func (s *slots) acquire(ctx context.Context, key auth.CallerKey) (*slot, error) {
	mine := &slot{slots: s, key: key, acquired: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, mine)
	s.assignFree()
	s.mu.Unlock()
	if err := mine.waitAcquired(ctx); err != nil {
		mine.release()
		return nil, err
	}
	return mine, nil
}

func (s *slot) waitAcquired(ctx context.Context) error {
	timeout, tick := time.After(maxSlotWait), time.Tick(checkInterval)
	for {
		select {
		case <-s.acquired:
			return nil
		case <-tick:
			s.slots.interruptSlow(s.key.Tenant)
		case <-timeout:
			return tooManyInFlight()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// release gives the slot to another request. Only the first call has an effect.
func (s *slot) release() {
	if s == nil {
		return
	}
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	isMine := func(other *slot) bool { return other == s }
	s.slots.held = slices.DeleteFunc(s.slots.held, isMine)
	s.slots.waiting = slices.DeleteFunc(s.slots.waiting, isMine)
	s.slots.assignFree()
}

// assignFree assigns the free slots to waiting requests.
func (s *slots) assignFree() {
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
func (s *slots) nextWaiting() int {
	next, fewest := -1, totalSlots
	for i, w := range s.waiting {
		ofTenant := s.countHeld(func(h *slot) bool { return h.key.Tenant == w.key.Tenant })
		ofCaller := s.countHeld(func(h *slot) bool { return h.key == w.key })
		if len(s.held) < totalSlots && ofTenant < tenantSlots && ofCaller < fewest {
			next, fewest = i, ofCaller
		}
	}
	return next
}

func (s *slots) countHeld(counts func(*slot) bool) (n int) {
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
func (s *slots) interruptSlow(tenant string) {
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

// beginWait begins a wait for the client, which interrupt can end.
func (s *slot) beginWait(interrupt func()) {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	s.deadline, s.interrupt = time.Now().Add(maxClientWait), interrupt
}

// endWait ends a wait for the client, and reports whether the slot was lost.
func (s *slot) endWait() (lost bool) {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	s.deadline = time.Time{}
	return s.lost
}
