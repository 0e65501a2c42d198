package store_test

import (
	"testing"
	"time"

	"originwarden/store"
)

// An observation that a day without one interrupts begins again, and times that cannot
// be right do not count.
func TestObservation_With(t *testing.T) {
	const hour = time.Hour
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	// ago returns an observation from and until so long ago.
	ago := func(from, until time.Duration) store.Observation {
		return store.Observation{Since: now.Add(-from), Last: now.Add(-until)}
	}
	never := store.Observation{}
	year := func(y int) store.Observation {
		return store.Observation{Since: time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC), Last: now}
	}
	for name, row := range map[string]struct{ kept, seen, want store.Observation }{
		"never":                          {never, never, never},
		"first":                          {never, ago(hour, 0), ago(hour, 0)},
		"nothing new":                    {ago(9*hour, hour), never, ago(9*hour, hour)},
		"after a restart":                {ago(200*hour, 2*hour), ago(hour, 0), ago(200*hour, 0)},
		"after a day":                    {ago(200*hour, 24*hour), ago(0, 0), ago(200*hour, 0)},
		"after more than a day":          {ago(200*hour, 24*hour+time.Second), ago(0, 0), ago(0, 0)},
		"of two gateways at once":        {ago(9*hour, 5*hour), ago(20*hour, 0), ago(20*hour, 0)},
		"from before a gap":              {ago(hour, 0), ago(99*hour, 98*hour), ago(hour, 0)},
		"another gateway's clock":        {ago(9*hour, -time.Minute), ago(hour, 0), ago(9*hour, -time.Minute)},
		"kept in the future":             {ago(9*hour, -hour), ago(hour, 0), ago(hour, 0)},
		"kept in the future, no request": {ago(9*hour, -hour), never, never},
		"kept from before 2020":          {year(2019), ago(hour, 0), ago(hour, 0)},
		"kept from 2020":                 {year(2020), ago(hour, 0), year(2020)},
		"seen before 2020":               {ago(9*hour, hour), year(1970), ago(9*hour, hour)},
		"seen before 2020, first":        {never, year(1970), never},
		"kept backwards":                 {ago(hour, 2*hour), ago(hour, 0), ago(hour, 0)},
	} {
		if got := row.kept.With(row.seen, now); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}
