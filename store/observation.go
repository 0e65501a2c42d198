package store

import (
	"context"
	"time"
)

// Observer is a Store that keeps since when the requests of tenants are observed. Its
// writes change no revision, and Watch does not report them.
type Observer interface {
	// Observe records that the tenant is observed since a time, whole seconds, unless
	// it is since an earlier one, and returns the earlier. With the zero time it
	// changes nothing; the result is zero if the tenant was never observed. It fails
	// with a *WriteError where a write of refusals would.
	Observe(ctx context.Context, tenant string, since time.Time) (time.Time, error)
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
