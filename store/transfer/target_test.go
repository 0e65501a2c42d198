package transfer_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"originwarden/store"
	"originwarden/store/transfer"
)

func TestStored_HoldsToItsLimits(t *testing.T) {
	s := open(t)
	s.Origins = 2
	w := entry("acme", "n", "https://a.example", "https://b.example")
	create(t, s, w)
	more := w
	more.ValidOrigins = append(slices.Clone(w.ValidOrigins), "https://c.example")
	var tooMany *transfer.OriginsError
	if err := s.Change(t.Context(), w, more); !errors.As(err, &tooMany) || tooMany.Max != 2 {
		t.Errorf("a change: %v", err)
	}
	more.ID = store.NewID()
	if err := s.Create(t.Context(), more); !errors.As(err, &tooMany) {
		t.Errorf("a creation: %v", err)
	}
	s.Origins = 1 // which was lowered
	w.ValidOrigins[0] = "https://d.example"
	if err := s.Change(t.Context(), w, w); err != nil {
		t.Errorf("one that does not grow: %v", err)
	}
	other := entry("globex", "n")
	other.ID = w.ID
	if err := s.Create(t.Context(), other); !errors.Is(err, store.ErrExists) {
		t.Errorf("an id of another tenant: %v", err)
	}
	if err := s.Change(t.Context(), other, other); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a change of what is not there: %v", err)
	}
	if err := s.Delete(t.Context(), other); err != nil {
		t.Errorf("a deletion of what is not there: %v", err)
	}
	if all := kept(t, s); len(all) != 1 || all[0].TenantID != "acme" {
		t.Errorf("it has %+v", all)
	}
}

func TestStored_ChangesWhatWasWrittenMeanwhile(t *testing.T) {
	s := open(t)
	was := entry("acme", "was")
	is := was
	is.Name = "is"
	create(t, s, was)
	if err := errors.Join(s.Change(t.Context(), was, is), s.Change(t.Context(), was, is)); err != nil {
		t.Fatal(err)
	}
	if all := kept(t, s); all[0].Name != "is" || position(t, s) != 2 {
		t.Errorf("it has %+v at revision %d", all, position(t, s))
	}
}

func TestStored_EndsItsCalls(t *testing.T) {
	s := open(t)
	s.Timeout = 1 // a nanosecond
	w := entry("acme", "n")
	_, _, loading := s.Load(t.Context(), "acme")
	_, _, listing := s.Tenants(t.Context())
	for name, err := range map[string]error{
		"create": s.Create(t.Context(), w), "change": s.Change(t.Context(), w, w), "delete": s.Delete(t.Context(), w), "load": loading, "tenants": listing,
	} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
