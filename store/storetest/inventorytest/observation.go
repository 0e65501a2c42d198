package inventorytest

import (
	"testing"
	"time"

	"originwarden/store"
)

// The earliest time counts, whatever came first, also after the store was opened again.
func keepsSinceWhenObserved(t *testing.T, s store.Store, again func(*testing.T) store.Store) {
	before, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range []struct {
		tenant      string
		since, want time.Time
	}{
		{"acme", time.Time{}, time.Time{}},
		{"acme", at(5), at(5)},
		{"acme", at(7), at(5)},
		{"acme", at(3), at(3)},
		{"acme", time.Time{}, at(3)},
		{"a/c%me", time.Time{}, time.Time{}},
		{"a/c%me", at(9), at(9)},
	} {
		if got, err := store.AsObserver(s).Observe(t.Context(), row.tenant, row.since); err != nil || !got.Equal(row.want) {
			t.Errorf("row %d: since %v, %v; want %v", i, got, err, row.want)
		}
	}
	if after, err := s.Position(t.Context()); err != nil || after != before {
		t.Errorf("the position is %+v, %v; before it was %+v", after, err, before)
	}
	if got, err := store.AsObserver(again(t)).Observe(t.Context(), "acme", time.Time{}); err != nil || !got.Equal(at(3)) {
		t.Errorf("opened again: since %v, %v; want %v", got, err, at(3))
	}
}
