package transfer_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"originwarden/store"
	"originwarden/store/transfer"
)

// take takes one step.
func take(t *testing.T, to *transfer.StoreTarget, action transfer.Action, was, is store.WebIntegration) error {
	t.Helper()
	refused, err := to.ApplyAll(t.Context(), []transfer.Step{{Action: action, Was: was, Is: is, Problem: "a problem"}})
	return errors.Join(append(refused, err)...)
}

func TestStored_HoldsToItsLimits(t *testing.T) {
	s := open(t)
	s.Origins = 2
	w := entry("acme", "n", "https://a.example", "https://b.example")
	create(t, s, w)
	more := w
	more.ValidOrigins = append(slices.Clone(w.ValidOrigins), "https://c.example")
	var tooMany *transfer.OriginsError
	if err := take(t, s, transfer.Change, w, more); !errors.As(err, &tooMany) || tooMany.Max != 2 {
		t.Errorf("a change: %v", err)
	}
	more.ID = store.NewID()
	if err := take(t, s, transfer.Create, store.WebIntegration{}, more); !errors.As(err, &tooMany) {
		t.Errorf("a creation: %v", err)
	}
	s.Origins = 1 // which was lowered
	w.ValidOrigins[0] = "https://d.example"
	if err := take(t, s, transfer.Change, w, w); err != nil {
		t.Errorf("one that does not grow: %v", err)
	}
	other := entry("globex", "n")
	other.ID = w.ID
	if err := take(t, s, transfer.Create, store.WebIntegration{}, other); !errors.Is(err, store.ErrExists) {
		t.Errorf("an id of another tenant: %v", err)
	}
	if err := take(t, s, transfer.Change, other, other); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a change of what is not there: %v", err)
	}
	if err := take(t, s, transfer.Delete, other, store.WebIntegration{}); err != nil {
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
	if err := errors.Join(take(t, s, transfer.Change, was, is), take(t, s, transfer.Change, was, is)); err != nil {
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
	_, taking := s.ApplyAll(t.Context(), []transfer.Step{{Action: transfer.Create, Is: w}})
	for name, err := range map[string]error{"take": taking, "load": loading, "tenants": listing} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStored_TakesStepsAgain(t *testing.T) {
	s := open(t)
	one, gone, is := entry("acme", "one"), entry("acme", "gone"), entry("acme", "is", "https://a.example")
	create(t, s, one, gone)
	changed := one
	changed.Name = "changed"
	steps := []transfer.Step{
		{Action: transfer.Create, Is: is},
		{Action: transfer.Change, Was: one, Is: changed},
		{Action: transfer.Delete, Was: gone},
		{Action: transfer.Ambiguous, Is: entry("acme", "unclear"), Problem: "a problem"},
		{Action: transfer.Keep, Was: changed, Is: changed},
	}
	for range 2 {
		refused, err := s.ApplyAll(t.Context(), steps)
		var unclear *transfer.AmbiguousError
		if err != nil || len(refused) != len(steps) || !errors.As(refused[3], &unclear) || errors.Join(slices.Delete(refused, 3, 4)...) != nil {
			t.Errorf("refused are %v, %v", refused, err)
		}
		if all := kept(t, s); len(all) != 2 || position(t, s) != 5 {
			t.Errorf("it has %+v at revision %d", all, position(t, s))
		}
	}
}
