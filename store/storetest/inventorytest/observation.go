package inventorytest

import (
	"testing"
	"time"

	"originwarden/store"
)

// What the gateways observe is joined, whatever came first, also after the store was
// opened again, and begins again after a gap.
func keepsWhenObserved(t *testing.T, s store.Store, again func(*testing.T) store.Store) {
	before, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hours := func(since, last int) store.Observation {
		return store.Observation{Since: at(3600 * since), Last: at(3600 * last)}
	}
	never, future := store.Observation{}, store.Observation{Since: at(0), Last: time.Now().Add(time.Hour)}
	for i, row := range []struct {
		tenant     string
		seen, want store.Observation
	}{
		{"acme", never, never},
		{"acme", hours(5, 6), hours(5, 6)},
		{"acme", hours(7, 9), hours(5, 9)},
		{"acme", hours(3, 4), hours(3, 9)},
		{"acme", future, hours(3, 9)},
		{"acme", never, hours(3, 9)},
		{"a/c%me", never, never},
		{"a/c%me", hours(9, 9), hours(9, 9)},
		{"a/c%me", hours(9+25, 9+25), hours(9+25, 9+25)},
		{"a/c%me", never, hours(9+25, 9+25)},
	} {
		if got, err := store.AsObserver(s).Observe(t.Context(), row.tenant, row.seen); err != nil || got != row.want {
			t.Errorf("row %d: %v, %v; want %v", i, got, err, row.want)
		}
	}
	if after, err := s.Position(t.Context()); err != nil || after != before {
		t.Errorf("the position is %+v, %v; before it was %+v", after, err, before)
	}
	if got, err := store.AsObserver(again(t)).Observe(t.Context(), "acme", never); err != nil || got != hours(3, 9) {
		t.Errorf("opened again: %v, %v; want %v", got, err, hours(3, 9))
	}
}
