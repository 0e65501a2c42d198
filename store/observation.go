package store

import (
	"context"
	"time"
)

const (
	// MaxObservationGap is how long a tenant may not be observed without that its
	// observation begins again.
	MaxObservationGap = 24 * time.Hour
	// observationStep is how old Observation.Last may become before it is written again.
	observationStep = time.Hour
	// maxClockDifference is how far ahead the clock of another gateway may be.
	maxClockDifference = 5 * time.Minute
)

// Observation is when the requests of a tenant were observed: from Since to Last, in
// whole seconds, with no gap of more than MaxObservationGap. The zero value is never.
type Observation struct{ Since, Last time.Time }

// Observer is a Store that keeps when the requests of tenants are observed. Its writes
// change no revision, and Watch does not report them.
type Observer interface {
	// Observe records that the tenant was observed by one gateway, and returns what is
	// known of all: Observation.With of both, of which Last may be an hour too early.
	// With the zero value it changes nothing; the result is zero if the tenant was
	// never observed. It fails with a *WriteError where a write of refusals would.
	Observe(ctx context.Context, tenant string, seen Observation) (Observation, error)
}

// IsPlausible reports whether a gateway whose clock is right can have made o.
func (o Observation) IsPlausible(now time.Time) bool {
	return o.Since.Year() >= 2020 && !o.Last.Before(o.Since) && !o.Last.After(now.Add(maxClockDifference))
}

// With returns o, joined with what a gateway has seen. If there is a gap between them,
// it returns the later one. What is not plausible does not count.
func (o Observation) With(seen Observation, now time.Time) Observation {
	switch {
	case !seen.IsPlausible(now):
		seen = Observation{}
	case !o.IsPlausible(now), seen.Since.Sub(o.Last) > MaxObservationGap:
		return seen
	}
	if !o.IsPlausible(now) {
		return Observation{}
	}
	if seen == (Observation{}) || o.Since.Sub(seen.Last) > MaxObservationGap {
		return o
	}
	if seen.Since.Before(o.Since) {
		o.Since = seen.Since
	}
	if seen.Last.After(o.Last) {
		o.Last = seen.Last
	}
	return o
}

// NeedsWrite reports whether o has to replace what is kept.
func (o Observation) NeedsWrite(kept Observation) bool {
	return o != (Observation{}) && (!o.Since.Equal(kept.Since) || o.Last.Before(kept.Last) || o.Last.Sub(kept.Last) >= observationStep)
}

// AsObserver returns s, or the Store that it monitors, if that is an Observer;
// otherwise nil.
func AsObserver(s any) Observer {
	if m, ok := s.(*Monitored); ok {
		s = m.Store
	}
	observer, _ := s.(Observer)
	return observer
}
