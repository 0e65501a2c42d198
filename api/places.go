package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"originwarden/api/auth"
)

const (
	// placesOfTenant and placesInAll bound how many requests of one tenant, and
	// of all, hold a part of its web integrations in memory at once, which may be
	// a megabyte or two for each.
	placesOfTenant = 4
	placesInAll    = 16
	// placePatience is how long a request waits for a place.
	placePatience = 5 * time.Second
	// placeGrace is how long a client may take for a piece of a body while
	// another request waits for its place.
	placeGrace = 2 * time.Second
	// placeLook is how often that is looked at.
	placeLook = placeGrace / 4
)

// caller is whose requests at a tenant are counted together.
type caller struct{ issuer, subject, tenant string }

// tooManyInFlight is the refusal of a request that has no place.
func tooManyInFlight() error {
	return &auth.RateLimitError{Limit: LimitInFlight, Wait: time.Second}
}

// places bounds the requests under way that need memory. Whoever has a place
// keeps it until its answer is taken, so that clients that read nothing could
// have all of them: they lose theirs once others wait. It may be used
// concurrently, and its zero value is ready.
type places struct {
	mu      sync.Mutex
	held    []*place
	waiting []*place // those that came first are first
}

// place is held by one request, for a caller. The nil place holds nothing.
type place struct {
	places *places
	who    caller
	taken  chan struct{} // closed when it is held; nil for one that never waited

	// Under places.mu.
	due   time.Time // when the wait for the client has lasted too long; zero while there is none
	hurry func()    // ends that wait
	lost  bool      // the wait was ended, or is to be
}

// enter returns a place for who, or the refusal if there is none for too long.
func (p *places) enter(ctx context.Context, who caller) (*place, error) {
	mine := &place{places: p, who: who}
	p.mu.Lock()
	if len(p.waiting) == 0 && p.fits(who.tenant) {
		p.held = append(p.held, mine)
		p.mu.Unlock()
		return mine, nil
	}
	mine.taken = make(chan struct{})
	p.waiting = append(p.waiting, mine)
	p.admit()
	p.mu.Unlock()
	if err := mine.wait(ctx); err != nil {
		mine.leave()
		return nil, err
	}
	return mine, nil
}

// wait waits until the place is held.
func (p *place) wait(ctx context.Context) error {
	patience, look := time.NewTimer(placePatience), time.NewTicker(placeLook)
	defer patience.Stop()
	defer look.Stop()
	for {
		select {
		case <-p.taken:
			return nil
		case <-look.C:
			p.places.hurry(p.who.tenant)
		case <-patience.C:
			return tooManyInFlight()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leave gives the place to another request. A second time it does nothing.
func (p *place) leave() {
	if p == nil {
		return
	}
	p.places.mu.Lock()
	defer p.places.mu.Unlock()
	isMine := func(other *place) bool { return other == p }
	p.places.held = slices.DeleteFunc(p.places.held, isMine)
	p.places.waiting = slices.DeleteFunc(p.places.waiting, isMine)
	p.places.admit()
}

// fits reports whether there is a place for the tenant.
func (p *places) fits(tenant string) bool {
	return len(p.held) < placesInAll && p.count(func(h *place) bool { return h.who.tenant == tenant }) < placesOfTenant
}

func (p *places) count(counts func(*place) bool) (n int) {
	for _, h := range p.held {
		if counts(h) {
			n++
		}
	}
	return n
}

// admit gives the places that are free to those who wait.
func (p *places) admit() {
	for {
		next := p.next()
		if next == nil {
			return
		}
		p.waiting = slices.DeleteFunc(p.waiting, func(other *place) bool { return other == next })
		p.held = append(p.held, next)
		close(next.taken)
	}
}

// next is who gets a place first: whose caller has the fewest, so that none who
// asks for many keeps the others waiting.
func (p *places) next() (next *place) {
	fewest := placesInAll
	for _, w := range p.waiting {
		if !p.fits(w.who.tenant) {
			continue
		}
		if has := p.count(func(h *place) bool { return h.who == w.who }); has < fewest {
			next, fewest = w, has
		}
	}
	return next
}

// hurry ends the waits for clients that have lasted too long and keep the tenant
// from a place. One that has not ended by then is ended again: a connection may
// have taken something just then.
func (p *places) hurry(tenant string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, h := range p.held {
		blocks := h.who.tenant == tenant || len(p.held) == placesInAll
		if blocks && !h.due.IsZero() && !now.Before(h.due) {
			h.lost, h.due = true, now.Add(placeLook)
			h.hurry()
		}
	}
}

// begin says that the request waits for its client from now on, until end. The
// wait is ended by hurry.
func (p *place) begin(hurry func()) {
	p.places.mu.Lock()
	defer p.places.mu.Unlock()
	p.due, p.hurry = time.Now().Add(placeGrace), hurry
}

// end reports whether the wait for the client was ended.
func (p *place) end() (lost bool) {
	p.places.mu.Lock()
	defer p.places.mu.Unlock()
	p.due = time.Time{}
	return p.lost
}
